"""Nothing in the tree that does not belong: paths of one machine, unfinished places, files that nothing builds or uses.
"""
import re

import source_tree

_BINARY = ('.png', '.pcap', '.pcapng', '.bin')
# Spelled so that this file does not find itself.
_MACHINE_PATH = re.compile(r'(?<![\w.<>$}-])/(?:' + '|'.join(['work', 'root', 'home', 'farm']) + r')/')
_UNFINISHED = re.compile(r'\b(?:' + '|'.join(['TO' 'DO', 'FIX' 'ME', 'XX' 'X', 'HA' 'CK']) + r')\b|\bunimplemented\b')
_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def words_that_do_not_belong(root, paths):
    for path in paths:
        if path.name.endswith(_BINARY):
            continue
        for number, line in enumerate(source_tree.read(root, path).splitlines(), 1):
            if _MACHINE_PATH.search(line):
                yield f'{path}:{number}: a path of one machine: {line.strip()[:80]}'
            if _UNFINISHED.search(line):
                yield f'{path}:{number}: an unfinished place: {line.strip()[:80]}'


def dead_files(root, paths):
    """Sources and tests that no meson.build names; headers that nothing includes or installs."""
    built = set()
    for path in paths:
        if path.name == 'meson.build':
            for name in re.findall(r"'([^'\n]+)'", source_tree.read(root, path)):
                built.add(path.parent / name)
    included = set()
    for path in paths:
        if path.suffix in ('.h', '.cc', '.c'):
            names = _INCLUDE.findall(source_tree.read(root, path))
            included.update(name for name in names if path.suffix != '.h' or name != str(path))
    for path in paths:
        if path.suffix in ('.cc', '.c') or path.name.endswith('_test.py'):
            if path not in built:
                yield f'{path}: no meson.build names it'
        elif path.suffix == '.h' and str(path) not in included and path not in built:
            yield f'{path}: nothing includes it'


def check(root):
    paths = source_tree.files(root)
    return [*words_that_do_not_belong(root, paths), *dead_files(root, paths)], len(paths)


if __name__ == '__main__':
    source_tree.main(check, __doc__)
