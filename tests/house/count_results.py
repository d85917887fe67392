"""Adds up what `meson test` logged in the named build directories; the last line is "N passed, N failed".

A GoogleTest program counts by its cases, any other test as one. Exit status 1 if anything failed, a build left no log,
or nothing passed at all.
"""
import argparse
import json
import pathlib
import sys
import xml.etree.ElementTree


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def case_counts(junit_file):
    """The GoogleTest cases of each meson test, by the test's name with its suites."""
    counts = {}
    if not junit_file.exists():
        return counts
    for suite in xml.etree.ElementTree.parse(junit_file).getroot().iter('testsuite'):
        # project.test.Suite, the test as meson's other log names it; a test that is one case sits in the project's own.
        of_project = suite.get('name').split('.', 1)
        if len(of_project) < 2:
            continue
        test = of_project[1].rsplit('.', 1)[0]
        of_test = counts.setdefault(test, Counts())
        for case in suite.iter('testcase'):
            if case.find('failure') is not None or case.find('error') is not None:
                of_test.failed += 1
            elif case.find('skipped') is not None:
                of_test.skipped += 1
            elif case.get('status') != 'notrun':
                of_test.passed += 1
    return counts


def count_build(build):
    """Counts of one build directory, and the names of what failed."""
    logs = pathlib.Path(build) / 'meson-logs'
    total = Counts()
    failures = []
    if not (logs / 'testlog.json').exists():
        total.failed = 1
        return total, ['no test ran: the build failed, or meson could not start the tests']
    cases = case_counts(logs / 'testlog.junit.xml')
    for line in (logs / 'testlog.json').read_text(encoding='utf-8').splitlines():
        run = json.loads(line)
        name = run['name']
        counts = cases.get(name, Counts())
        if run['result'] == 'SKIP':
            counts.skipped += 1
        elif run['result'] in ('OK', 'EXPECTEDFAIL'):
            if name not in cases:
                counts.passed += 1
        elif counts.failed == 0:
            counts.failed += 1  # it died, or ran out of time, with no case to blame
        if counts.failed:
            failures.append(f"{name}: {run['result']}, {counts.failed} failed")
        total.add(counts)
    return total, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--also-failed', type=int, default=0, help='failures that happened outside of meson')
    parser.add_argument('build', nargs='*')
    options = parser.parse_args()

    total = Counts()
    total.failed = options.also_failed
    for build in options.build:
        counts, failures = count_build(build)
        print(f'{build}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped')
        for failure in failures:
            print(f'  {failure}')
        total.add(counts)
    print(f'{total.passed} passed, {total.failed} failed')
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == '__main__':
    sys.exit(main())
