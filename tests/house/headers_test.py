"""Each header compiles alone, so that whoever includes it needs to know nothing else."""
import concurrent.futures
import os
import subprocess

import source_tree

_COMPILE = ['g++', '-std=c++20', '-fcoroutines', '-D_GNU_SOURCE', '-fsyntax-only', '-x', 'c++', '-I.', '-']


def compile_alone(root, path):
    run = subprocess.run(_COMPILE, cwd=root, input=f'#include "{path}"\n', capture_output=True, text=True, check=False)
    return f'{path}: does not compile alone:\n{run.stderr[:2000]}' if run.returncode else None


def check(root):
    paths = source_tree.files(root, '.h')
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: compile_alone(root, path), paths))
    return [problem for problem in results if problem], len(paths)


if __name__ == '__main__':
    source_tree.main(check, __doc__)
