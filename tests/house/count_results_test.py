"""The closing line of tools/test counts what meson logged, and is never green by accident."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

_SCRIPT = pathlib.Path(__file__).resolve().parent / 'count_results.py'


class Counting(unittest.TestCase):
    def count(self, runs, junit='', arguments=()):
        """Exit status and last line for a build directory with these meson logs; `runs` None: no log at all."""
        with tempfile.TemporaryDirectory() as build:
            logs = pathlib.Path(build) / 'meson-logs'
            logs.mkdir()
            if runs is not None:
                lines = [json.dumps({'name': name, 'result': result}) + '\n' for name, result in runs]
                (logs / 'testlog.json').write_text(''.join(lines))
                (logs / 'testlog.junit.xml').write_text(f'<testsuites>{junit}</testsuites>')
            run = subprocess.run([sys.executable, str(_SCRIPT), *arguments, build], capture_output=True, text=True,
                                 check=False)
        return run.returncode, run.stdout.splitlines()[-1]

    def test_exit_code_tests_count_one_each(self):
        runs = [('penstock:house / layers', 'OK'), ('penstock:house / format', 'FAIL'), ('penstock:e2e / rig', 'SKIP')]
        self.assertEqual(self.count(runs), (1, '1 passed, 1 failed'))

    def test_a_test_that_ran_out_of_time_failed(self):
        self.assertEqual(self.count([('a', 'OK'), ('b', 'TIMEOUT')]), (1, '1 passed, 1 failed'))

    def test_gtest_programs_count_by_their_cases(self):
        junit = ('<testsuite name="penstock.penstock:unit+threads / io.Disk"><testcase name="a" status="run"/>'
                 '<testcase name="b" status="run"/><testcase name="c" status="run"><skipped/></testcase>'
                 '<testcase name="d" status="notrun"/></testsuite>')
        self.assertEqual(self.count([('penstock:unit+threads / io', 'OK')], junit), (0, '2 passed, 0 failed'))

    def test_a_gtest_case_that_failed_is_counted_once(self):
        junit = ('<testsuite name="penstock.penstock:unit+threads / io.Disk"><testcase name="a" status="run"/>'
                 '<testcase name="b" status="run"><failure/></testcase></testsuite>')
        self.assertEqual(self.count([('penstock:unit+threads / io', 'FAIL')], junit), (1, '1 passed, 1 failed'))

    def test_a_gtest_program_that_died_failed(self):
        self.assertEqual(self.count([('penstock:unit+threads / io', 'FAIL'), ('x', 'OK')]), (1, '1 passed, 1 failed'))
        junit = '<testsuite name="penstock.penstock:unit+threads / io.Disk"><testcase name="a" status="run"/></testsuite>'
        self.assertEqual(self.count([('penstock:unit+threads / io', 'ERROR')], junit), (1, '1 passed, 1 failed'))

    def test_tap_programs_count_by_their_cases(self):
        junit = ('<testsuite name="penstock.penstock:e2e / kcat"><testcase name="1 a"/><testcase name="2 b"><failure/>'
                 '</testcase><testcase name="3 c"><skipped/></testcase></testsuite>')
        self.assertEqual(self.count([('penstock:e2e / kcat', 'FAIL')], junit), (1, '1 passed, 1 failed'))

    def test_no_log_is_a_failure(self):
        self.assertEqual(self.count(None), (1, '0 passed, 1 failed'))

    def test_no_test_is_red(self):
        self.assertEqual(self.count([]), (1, '0 passed, 0 failed'))

    def test_a_failed_step_is_red(self):
        self.assertEqual(self.count([('a', 'OK')], arguments=('--also-failed', '1')), (1, '1 passed, 1 failed'))


class ToolsTest(unittest.TestCase):
    """tools/test itself, with stand-ins for what it builds and tests by."""

    _PROGRAMS = {
        'tools/install-packages': 'true',
        'tools/configure': 'mkdir -p "$1"; [[ "$1" != "$FAILS" ]]',
        'bin/ninja': 'true',
        'bin/meson': 'if [[ "$1" == introspect ]]; then echo "[]"; exit; fi; '
                     'mkdir -p "$3/meson-logs"; echo \'{"name": "a", "result": "OK"}\' >"$3/meson-logs/testlog.json"',
    }

    def run_it(self, fails):
        with tempfile.TemporaryDirectory() as root:
            root = pathlib.Path(root)
            for name in ('tools', 'bin', 'tests/house'):
                (root / name).mkdir(parents=True)
            shutil.copy(_SCRIPT.parents[2] / 'tools' / 'test', root / 'tools')
            shutil.copy(_SCRIPT, root / 'tests' / 'house')
            for name, text in self._PROGRAMS.items():
                (root / name).write_text(f'#!/usr/bin/env bash\n{text}\n')
                (root / name).chmod(0o755)
            environment = {'PATH': f'{root / "bin"}:/usr/bin:/bin', 'FAILS': fails}
            run = subprocess.run([root / 'tools' / 'test'], env=environment, capture_output=True, text=True, check=False)
        return run.returncode, run.stdout.splitlines()[-1]

    def test_all_passed_is_green(self):
        self.assertEqual(self.run_it('none'), (0, '3 passed, 0 failed'))

    def test_a_failure_before_the_last_build_is_red(self):
        self.assertEqual(self.run_it('build'), (1, '2 passed, 1 failed'))


if __name__ == '__main__':
    unittest.main()
