"""Runs the cases of a test and prints what meson counts: one line of TAP for each."""
import contextlib
import sys
import time
import traceback

from server import Programs


class Cases:
    """`fixture`, a context manager made of the Programs, gives the first argument of every case; without one it is the
    Programs themselves."""

    def __init__(self, fixture=contextlib.nullcontext):
        self._fixture = fixture
        self._cases = []

    def case(self, *arguments):
        """Decorates a function; its docstring, with the other arguments, is the name of the case."""
        def decorate(function):
            self.add(' '.join([function.__doc__.split('\n')[0].rstrip('.'), *map(str, arguments)]), function, *arguments)
            return function
        return decorate

    def add(self, name, function, *arguments):
        self._cases.append((name, function, arguments))

    def main(self, skip=None):
        """`skip`: why none of this can run here, if so."""
        if skip:
            print(f'1..0 # SKIP {skip}')
            return
        programs = Programs()
        chosen = [case for case in self._cases if all(word in case[0] for word in programs.only)]
        print(f'1..{len(chosen)}')
        failures = 0
        with self._fixture(programs) as first:
            for number, (name, function, arguments) in enumerate(chosen, 1):
                began = time.monotonic()
                try:
                    function(first, *arguments)
                    result = 'ok'
                except Exception:  # a failed case is a result, like any other
                    result = 'not ok'
                    failures += 1
                    note(traceback.format_exc())
                print(f'{result} {number} - {name} ({time.monotonic() - began:.1f} s)', flush=True)
        sys.exit(1 if failures else 0)


def note(text):
    """A line for the reader of the log: what was measured."""
    print('\n'.join(f'# {line}' for line in str(text).splitlines()), flush=True)
