#!/usr/bin/env python3
"""Copies a source file with one line changed: a fault that the simulator's seeds must find.

Usage: plant_fault.py <source> <copy> <old text> <new text>. The old text must be there exactly once.
"""

import pathlib
import sys


def main() -> int:
    source, copy, old, new = sys.argv[1:]
    text = pathlib.Path(source).read_text(encoding="utf-8")
    count = text.count(old)
    if count != 1:
        print(f"plant_fault.py: {source} has {count} times, not once: {old}", file=sys.stderr)
        return 1
    pathlib.Path(copy).write_text(text.replace(old, new), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
