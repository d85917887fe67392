"""docs/kafka.md tells of the requests and configs that there are in the code. With --write it makes the page so."""
import argparse
import pathlib
import subprocess
import sys

_TABLES = ('requests', 'topic-configs', 'node-properties')


def made_true(page, name, table):
    """`page` with `table` where its table `name` is."""
    begin, end = f'<!-- table {name} -->\n', f'<!-- end of {name} -->\n'
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f'the page has no place for the table {name}')
    return before + begin + table + end + after


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--printer', required=True, help='print_support_table')
    parser.add_argument('--page', required=True, type=pathlib.Path)
    parser.add_argument('--write', action='store_true')
    options = parser.parse_args()
    written = page = options.page.read_text(encoding='utf-8')
    for name in _TABLES:
        page = made_true(page, name, subprocess.run([options.printer, name], stdout=subprocess.PIPE, text=True,
                                                    check=True).stdout)
    if page == written:
        return 0
    if options.write:
        options.page.write_text(page, encoding='utf-8')
        return 0
    print(f'{options.page} does not say what the code does. To write it:\n  python3 {" ".join(sys.argv)} --write')
    return 1


if __name__ == '__main__':
    sys.exit(main())
