"""The layers stand on each other: io <- index <- engine <- net <- tools, and no file includes one above its own.

Every #include in quotes is a path from the root, so that the layer can be read off it. tests/ and bench/ may include
anything.
"""
import pathlib
import re

import source_tree

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def check(root):
    problems = []
    paths = source_tree.files(root, '.h', '.cc')
    for path in paths:
        text = source_tree.code_only(source_tree.read(root, path))
        own = path.parts[0]
        for match in _INCLUDE.finditer(text):
            included = pathlib.PurePosixPath(match.group(1))
            where = f'{path}:{text.count(chr(10), 0, match.start(1)) + 1}'
            if '..' in included.parts or not (pathlib.Path(root) / included).is_file():
                problems.append(f'{where}: "{included}" is not a path from the root of the source tree')
            elif own in source_tree.LAYERS:
                if included.parts[0] not in source_tree.LAYERS:
                    problems.append(f'{where}: "{included}" belongs to no layer')
                elif source_tree.LAYERS.index(included.parts[0]) > source_tree.LAYERS.index(own):
                    problems.append(f'{where}: {own} may not include "{included}", which stands above it')
    return problems, len(paths)


if __name__ == '__main__':
    source_tree.main(check, __doc__)
