"""clang-tidy finds nothing in the library's and the program's sources.

Within the budget in seconds (none with PENSTOCK_TEST_FULL=1) the files changed last come first, and how many were not
reached is said. Needs the build directory of a clang build, for its compile commands.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

import source_tree


def newest_first(root, paths):
    """By the last commit that touched each; in a shallow clone all are equal, and the order is by name."""
    log = subprocess.run(['git', '-c', 'safe.directory=*', '-C', str(root), 'log', '--format=', '--name-only'],
                         capture_output=True, text=True, check=False).stdout
    rank = {}
    for name in log.split('\n'):
        rank.setdefault(name, len(rank))
    return sorted(paths, key=lambda path: (rank.get(str(path), len(rank)), path))


def tidy(root, build, path):
    run = subprocess.run(['clang-tidy-16', '--quiet', '-p', str(build), str(path)], cwd=root, capture_output=True,
                         text=True, check=False)
    return f'{path}:\n{run.stdout}{run.stderr}' if run.returncode or 'warning:' in run.stdout else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--root', default=pathlib.Path(__file__).resolve().parents[2], type=pathlib.Path)
    parser.add_argument('--build', required=True, type=pathlib.Path)
    parser.add_argument('--budget-seconds', default=150, type=float)
    options = parser.parse_args()
    deadline = time.monotonic() + options.budget_seconds
    if os.environ.get('PENSTOCK_TEST_FULL') == '1':
        deadline = float('inf')

    paths = newest_first(options.root, [path for path in source_tree.files(options.root, '.cc')
                                        if path.parts[0] in source_tree.LAYERS])
    not_reached = []

    def within_budget(path):
        if time.monotonic() > deadline:
            not_reached.append(path)
            return None
        return tidy(options.root, options.build, path)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(within_budget, paths))
    if not_reached:
        print(f'{len(not_reached)} files not reached within {options.budget_seconds:.0f} s')
    return source_tree.report([result for result in results if result], len(paths) - len(not_reached))


if __name__ == '__main__':
    sys.exit(main())
