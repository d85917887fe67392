"""clang-format settles the layout: every C++ file is as it would write it."""
import subprocess

import source_tree


def check(root):
    paths = source_tree.files(root, '.h', '.cc', '.c')
    run = subprocess.run(['clang-format-16', '--dry-run', '-Werror', '--style=file', *map(str, paths)], cwd=root,
                         capture_output=True, text=True, check=False)
    lines = [line for line in run.stderr.splitlines() if ': error: ' in line]
    wrong = sorted({line.split(':')[0] for line in lines})
    problems = [f'{path}: run clang-format-16 -i {path}' for path in wrong]
    if run.returncode and not problems:
        problems = [run.stderr]
    return problems, len(paths)


if __name__ == '__main__':
    source_tree.main(check, __doc__)
