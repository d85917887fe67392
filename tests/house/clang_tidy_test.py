"""clang-tidy finds nothing in the library's and the program's sources.

Most of its time goes into the headers that all of them include. So sources are merged, thirty into one that includes
them; where two use a name differently, and the merged one does not compile, its halves are looked at apart.

Within the budget in seconds (none with PENSTOCK_TEST_FULL=1) the files changed last come first, and how many were not
reached is said. Needs the build directory of a clang build, for its compile commands.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

import source_tree

_MERGED_COUNT = 30
_UNNAMED_NAMESPACE = re.compile(r'^namespace \{$(.*?)^\}  // namespace$', re.MULTILINE | re.DOTALL)
# What a line that is not indented declares: a type, a function, a variable. Words too many keep files apart, no more.
_DECLARED = re.compile(r'^(?:using|struct|class|enum class|enum) (\w+)|^\w[^(={;]*?(\w+) ?[(={;\[]', re.MULTILINE)

_CONSTANT = re.compile(r'^(?:constexpr|const) [^(={;]*?(\w+) ?[={;\[]', re.MULTILINE)


def newest_first(root, paths):
    """By the last commit that touched each; in a shallow clone all are equal, and the order is by name."""
    log = subprocess.run(['git', '-c', 'safe.directory=*', '-C', str(root), 'log', '--format=', '--name-only'],
                         capture_output=True, text=True, check=False).stdout
    rank = {}
    for name in log.split('\n'):
        rank.setdefault(name, len(rank))
    return sorted(paths, key=lambda path: (rank.get(str(path), len(rank)), path))


def own_names(text):
    """What a source declares for itself alone."""
    names = set(_CONSTANT.findall(text))
    for part in _UNNAMED_NAMESPACE.findall(text):
        names.update(*_DECLARED.findall(source_tree.code_only(part)))
    return names - {''}


def compile_options(build):
    """Of each source: what its compiler is told, but for the names of files and what is no matter here."""
    options = {}
    for command in json.loads((build / 'compile_commands.json').read_text(encoding='utf-8')):
        words = shlex.split(command['command'])
        words = words[next(i for i, word in enumerate(words) if word.startswith('-')):]
        kept = [word for i, word in enumerate(words)
                if word not in ('-MD', '-MQ', '-MF', '-o', '-c', '-Werror', '-Wshadow', '-fPIC') and words[i - 1] not in ('-MQ', '-MF', '-o', '-c')
                and not re.fullmatch(r'-I\S*\.p|-f(no-)?sanitize\S*', word)]
        options.setdefault((build / command['file']).resolve(), tuple(kept))
    return options


def merged(root, paths, options_of):
    """Lists of files with the same options, whose own names differ; in the order of `paths`."""
    groups = []
    for path in paths:
        names = own_names(source_tree.read(root, path))
        for group in groups:
            if group['options'] == options_of[path] and len(group['paths']) < _MERGED_COUNT and not names & group['names']:
                break
        else:
            group = {'options': options_of[path], 'paths': [], 'names': set()}
            groups.append(group)
        group['paths'].append(path)
        group['names'] |= names
    return [group['paths'] for group in groups]


def run_clang_tidy(root, build, paths, options):
    """Returns whether it compiles, and what was found."""
    with tempfile.TemporaryDirectory(dir=build) as directory:
        source = pathlib.Path(directory) / 'merged.cc'
        source.write_text(''.join(f'#include "{root / path}"\n' for path in paths), encoding='utf-8')
        # Sources are what is included here, so they are added to the headers that are looked at.
        run = subprocess.run(
            ['clang-tidy-16', '--quiet', f'--config-file={root / ".clang-tidy"}',
             f'--header-filter=/({"|".join(source_tree.LAYERS)})/.*\\.(h|cc)$', str(source), '--', *options],
            cwd=build, capture_output=True, text=True, check=False)
    found = run.returncode or 'warning:' in run.stdout
    return 'clang-diagnostic-error' not in run.stdout, f'{run.stdout}{run.stderr}' if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--root', default=pathlib.Path(__file__).resolve().parents[2], type=pathlib.Path)
    parser.add_argument('--build', required=True, type=pathlib.Path)
    parser.add_argument('--budget-seconds', default=150, type=float)
    options = parser.parse_args()
    deadline = time.monotonic() + options.budget_seconds
    if os.environ.get('PENSTOCK_TEST_FULL') == '1':
        deadline = float('inf')

    root, build = options.root.resolve(), options.build.resolve()
    known = compile_options(build)
    paths = [path for path in source_tree.files(root, '.cc') if path.parts[0] in source_tree.LAYERS]
    not_built = [path for path in paths if root / path not in known]
    options_of = {path: known[root / path] for path in paths if path not in not_built}
    groups = merged(root, newest_first(root, list(options_of)), options_of)
    not_reached = []

    def look_at(group):
        if time.monotonic() > deadline:
            not_reached.extend(group)
            return []
        compiles, problem = run_clang_tidy(root, build, group, options_of[group[0]])
        if compiles or len(group) == 1:
            return [problem]
        print(f'{len(group)} files do not compile together: {" ".join(map(str, group))}')
        middle = len(group) // 2
        return look_at(group[:middle]) + look_at(group[middle:])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [problem for problems in pool.map(look_at, groups) for problem in problems if problem]
    results += [f'{path}: the build does not compile it' for path in not_built]
    if not_reached:
        print(f'{len(not_reached)} files not reached within {options.budget_seconds:.0f} s')
    return source_tree.report(results, len(paths) - len(not_reached))


if __name__ == '__main__':
    sys.exit(main())
