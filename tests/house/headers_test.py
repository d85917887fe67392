"""Each header compiles alone, so that whoever includes it needs to know nothing else.

A header that a source includes before all others is compiled alone by the build already, which needs no second look.
"""
import concurrent.futures
import os
import re
import subprocess

import source_tree

_COMPILE = ['g++', '-std=c++20', '-fcoroutines', '-D_GNU_SOURCE', '-fsyntax-only', '-x', 'c++', '-I.', '-']
_FIRST_INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')


def is_built(path):
    """Whether every build without merged sources compiles it."""
    return path.parts[0] in (*source_tree.LAYERS, 'tests') and not path.name.startswith('fuzz_')


def compiled_by_the_build(root):
    names = set()
    for path in source_tree.files(root, '.cc'):
        if not is_built(path):
            continue
        first = _FIRST_INCLUDE.match(source_tree.code_only(source_tree.read(root, path)))
        if first:
            names.add(first.group(1))
    return names


def compile_alone(root, path):
    run = subprocess.run(_COMPILE, cwd=root, input=f'#include "{path}"\n', capture_output=True, text=True, check=False)
    return f'{path}: does not compile alone:\n{run.stderr[:2000]}' if run.returncode else None


def check(root):
    headers = source_tree.files(root, '.h')
    built = compiled_by_the_build(root)
    left = [path for path in headers if str(path) not in built]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: compile_alone(root, path), left))
    return [problem for problem in results if problem], len(headers)


if __name__ == '__main__':
    source_tree.main(check, __doc__)
