"""What the house tests share: which files there are, and C++ without its comments and strings."""
import argparse
import os
import pathlib
import re
import subprocess
import sys

# The library's and the program's layers, lowest first.
LAYERS = ('io', 'index', 'engine', 'net', 'tools')


def files(root, *suffixes):
    """Paths from `root` of the tracked files that end so; of all files, where there is no repository."""
    listing = subprocess.run(['git', '-c', 'safe.directory=*', '-C', str(root), 'ls-files', '-z'],
                             capture_output=True, check=False)
    if listing.returncode == 0 and (pathlib.Path(root) / '.git').exists():
        paths = [pathlib.PurePosixPath(name) for name in listing.stdout.decode().split('\0') if name]
    else:
        paths = []
        for directory, subdirectories, names in os.walk(root):
            subdirectories[:] = [name for name in subdirectories if not name.startswith(('build', '.git', '__py'))]
            base = pathlib.PurePosixPath(pathlib.Path(directory).relative_to(root).as_posix())
            paths.extend(base / name for name in names)
    return sorted(path for path in paths
                  if path.name.endswith(suffixes or '') and (pathlib.Path(root) / path).is_file())


def read(root, path):
    return (pathlib.Path(root) / path).read_text(encoding='utf-8', errors='replace')


# A quote after a digit separates digits.
_COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<end>[^(\s]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)
_INCLUDE = re.compile(r'\s*#\s*include\b')


def code_only(text):
    """C++ with comments and literals blanked, line numbers kept. #include lines keep their names."""
    def blank(match):
        line_start = text.rfind('\n', 0, match.start()) + 1
        if match.group().startswith('"') and _INCLUDE.match(text, line_start):
            return match.group()
        return re.sub(r'[^\n]', ' ', match.group())
    return _COMMENT_OR_STRING.sub(blank, text)


def root_argument(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--root', default=pathlib.Path(__file__).resolve().parents[2], type=pathlib.Path)
    return parser.parse_args().root


def report(problems, checked):
    """Prints the problems and returns the exit status. Nothing to check is a failure: the test went blind."""
    for problem in problems:
        print(problem)
    print(f'{checked} checked, {len(problems)} problems')
    return 1 if problems or checked == 0 else 0


def main(check, description):
    problems, checked = check(root_argument(description))
    sys.exit(report(problems, checked))
