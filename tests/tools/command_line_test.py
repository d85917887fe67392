"""The program as its users meet it: help, exit statuses, what it says when something is wrong, and how it ends."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

_PATIENCE_S = 60


class Serve:
    """`penstock serve` on a port of its own choice."""

    def __init__(self, program, *options):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, 'serve', '--reactors=1', '--memory=16MiB', '--kafka-listen=127.0.0.1:0', '--http-listen=',
             *options],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.port = None

    def said(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()

    def wait_ready(self):
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = re.search(r'Kafka clients connect to .*:(\d+)\n', self.said())
            if ready:
                self.port = int(ready.group(1))
                return
            time.sleep(0.01)
        raise AssertionError(f'it does not serve:\n{self.said()}')

    def end(self, number=signal.SIGTERM):
        """Its exit status."""
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


class CommandLine(unittest.TestCase):
    program = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='penstock-tools-'))
        self.addCleanup(shutil.rmtree, self.directory)
        self.data = self.directory / 'data'

    def run_program(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, cwd=self.directory,
                              timeout=_PATIENCE_S, stdin=subprocess.DEVNULL, check=False)

    def serve(self, *options):
        server = Serve(self.program, f'--data-dir={self.data}', *options)
        self.addCleanup(server.close)
        server.wait_ready()
        return server

    def produce(self, server, text, topic='words'):
        subprocess.run(['kcat', '-P', '-b', f'127.0.0.1:{server.port}', '-t', topic, '-K:'], input=text.encode(),
                       timeout=_PATIENCE_S, check=True)

    def assert_usage(self, ran, *parts):
        """Status 2 and one line that says what was wrong."""
        self.assertEqual(ran.returncode, 2, ran.stderr)
        self.assertEqual(ran.stderr.count('\n'), 1, ran.stderr)
        for part in parts:
            self.assertIn(part, ran.stderr)

    def test_help_lists_what_there_is_and_its_defaults(self):
        for arguments, part in (([], 'serve'), (['log'], 'verify'), (['serve'], '[default: 127.0.0.1:9092]'),
                                (['log', 'dump'], '--records'),
                                (['topic'], 'describe'), (['topic', 'create'], '--partitions'),
                                (['topic', 'alter'], '--partitions'), (['config'], 'alter'),
                                (['config', 'describe'], '--synonyms'), (['config', 'alter'], '--delete=<name>'),
                                (['config', 'alter'], '[default: 30s]'), (['serve'], '[default: 127.0.0.1:9644]'),
                                (['group', 'reset-offsets'], '[default: 127.0.0.1:9092]'), (['log', 'verify'], 'torn tail')):
            ran = self.run_program(*arguments, '--help')
            self.assertEqual(ran.returncode, 0)
            self.assertTrue(ran.stdout.startswith(' '.join(['Usage: penstock', *arguments])), ran.stdout)
            self.assertIn(part, ran.stdout)
            self.assertEqual(ran.stderr, '')

    def test_version_is_told(self):
        ran = self.run_program('--version')
        self.assertEqual(ran.returncode, 0)
        self.assertRegex(ran.stdout, r'^penstock \d+\.\d+\.\d+\n$')

    def test_a_command_line_that_makes_no_sense_is_refused(self):
        for arguments in ([], ['sing'], ['serve', '--colour=blue'], ['serve', 'here'], ['log'], ['log', 'dump'],
                          ['log', 'dump', '.', '--partition=x'], ['serve', '--memory=12Q'], ['serve', '--memory=1KiB'],
                          ['serve', '--kafka-listen=9092'], ['serve', '--kafka-listen=::1:9092'],
                          ['serve', '--reactors=1', '--cores=0'], ['serve', '--io=magic'], ['topic'], ['topic', 'create'], ['topic', 'list', 'x'], ['group', 'describe'],
                          ['group', 'reset-offsets', 'g', '--topic=t'], ['topic', 'list', '--bootstrap=9092'],
                          ['topic', 'alter', 't'], ['topic', 'alter', '--partitions=3'],
                          ['topic', 'alter', 't', '--partitions=many'], ['topic', 'create', 't', '--config=x'],
                          ['topic', 'list', '--timeout=0s'], ['topic', 'list', '--timeout=soon'], ['config'],
                          ['config', 'describe'], ['config', 'alter', '--topic=t'],
                          ['config', 'alter', '--set=retention.ms=1'], ['config', 'alter', '--topic=t', '--set=x'],
                          ['config', 'describe', '--broker=x'],
                          ['serve', '--auto-create-topics=perhaps'], ['serve', '--log.retention.ms=-2'],
                          ['serve', '--log.segment.bytes=13'], ['serve', '--log.roll.ms=0'], ['serve', '--advertise=somewhere'],
                          ['serve', '--default.replication.factor=3'], ['serve', '--no.such.property=1'],
                          ['serve', '--log.dirs=a', '--data-dir=b'], ['serve', '--listeners=SASL_SSL'],
                          ['serve', '--listener.security.protocol.map=A:SSL']):
            with self.subTest(arguments=arguments):
                self.assert_usage(self.run_program(*arguments))
        self.assertFalse((self.directory / 'penstock-data').exists())

    def test_a_configuration_file_is_refused_by_file_and_line(self):
        for text, line, part in (('poll = "wait"\ncolour = "blue"\n', 2, 'colour'),
                                 ('\n\npoll = "sometimes"\n', 3, 'poll'),
                                 ('poll = \n', 1, ''),
                                 ('memory = 1.5\n', 1, 'memory'),
                                 ('[serve]\npoll = "wait"\n', 2, 'serve.poll'),
                                 ('log.retention.minutes = "1h"\n', 1, 'log.retention.minutes'),
                                 ('[log.retention]\nms = 5\nyears = 1\n', 3, 'log.retention.years'),
                                 ('"default.replication.factor" = 3\n', 1, 'There is one node'),
                                 ('"authorizer.class.name" = "x"\n', 1, 'authorizer.class.name'),
                                 ('config = "other.toml"\n', 1, 'config'),
                                 ('reactors = 1\ncores = [0]\n', None, 'cores')):
            with self.subTest(text=text):
                path = self.directory / 'penstock.toml'
                path.write_text(text)
                ran = self.run_program('serve', '--config=penstock.toml')
                self.assert_usage(ran, 'penstock.toml:' + (f'{line}:' if line else ''), part)
        self.assert_usage(self.run_program('serve', '--config=missing.toml'), 'missing.toml')

    def test_a_configuration_file_sets_what_the_command_line_does_not(self):
        with socket.socket() as one:
            one.bind(('127.0.0.1', 0))
            port = one.getsockname()[1]
        path = self.directory / 'penstock.toml'
        path.write_text(f'kafka-listen = ["127.0.0.1:1", "127.0.0.1:2"]\nnum-partitions = 3\nio = "threads"\n'
                        f'data-dir = "{self.directory}/nowhere"\nmemory = "20MiB"\n')
        server = self.serve(f'--config={path}', f'--kafka-listen=127.0.0.1:{port}')
        self.assertIn('on threads', server.said())
        self.produce(server, ''.join(f'{i}:x\n' for i in range(200)))
        self.assertEqual(server.end(), 0)
        self.assertFalse((self.directory / 'nowhere').exists())
        self.assertIn('topic words', self.run_program('log', 'dump', self.data).stdout)
        self.assertIn('partitions 3', self.run_program('log', 'dump', self.data).stdout)

    def test_it_ends_well_at_either_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            self.assertEqual(server.end(number), 0, server.said())

    def test_a_second_server_is_told_that_the_directory_is_taken(self):
        self.serve()
        began = time.monotonic()
        ran = self.run_program('serve', '--reactors=1', '--memory=16MiB', '--kafka-listen=127.0.0.1:0',
                               f'--data-dir={self.data}')
        self.assertEqual(ran.returncode, 1)
        self.assertIn('open in another process', ran.stderr)
        self.assertLess(time.monotonic() - began, _PATIENCE_S / 2)

    def test_an_address_that_cannot_be_had_ends_it_with_one_message(self):
        ran = self.run_program('serve', '--reactors=2', '--memory=16MiB', '--kafka-listen=192.0.2.1:9092',
                               f'--data-dir={self.data}')
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(len(re.findall(r'192\.0\.2\.1:9092', ran.stderr)), 1, ran.stderr)

    def test_a_taken_port_ends_it_with_one_message(self):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = taken.getsockname()[1]
            ran = self.run_program('serve', '--reactors=2', '--memory=16MiB', f'--kafka-listen=127.0.0.1:{port}',
                                   f'--data-dir={self.data}')
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(len(re.findall(rf'127\.0\.0\.1:{port}', ran.stderr)), 1, ran.stderr)

    def test_a_directory_that_cannot_be_made_ends_it(self):
        ran = self.run_program('serve', '--memory=16MiB', '--kafka-listen=127.0.0.1:0', '--data-dir=/proc/penstock')
        self.assertEqual(ran.returncode, 1)
        self.assertIn('/proc/penstock', ran.stderr)

    def test_log_dump_prints_what_was_sent_as_text_and_as_json(self):
        server = self.serve()
        self.produce(server, 'k1:hello\nk2:a\x1b[2Jb\n')
        self.assertEqual(server.end(), 0)
        text = self.run_program('log', 'dump', self.data, '--topic=words', '--records')
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn('key "k1"  value "hello"', text.stdout)
        self.assertIn(r'value "a\x1b[2Jb"', text.stdout)
        self.assertNotIn('\x1b', text.stdout)
        ran = self.run_program('log', 'dump', self.data, '--topic=words', '--records', '--json')
        found = [json.loads(line) for line in ran.stdout.splitlines()]
        records = [one for one in found if one['type'] == 'record']
        self.assertEqual([(one['offset'], one['key'], one['value']) for one in records],
                         [(0, 'k1', 'hello'), (1, 'k2', 'a\x1b[2Jb')])
        self.assertEqual(found[-1], {**found[-1], 'type': 'summary', 'records': 2, 'damage': 0})

    def test_log_verify_names_damage_and_says_so_by_its_status(self):
        server = self.serve()
        self.produce(server, 'k1:hello\n')
        self.assertEqual(server.end(), 0)
        self.assertEqual(self.run_program('log', 'verify', self.data).returncode, 0)
        dump = self.run_program('log', 'dump', self.data, '--topic=words', '--json').stdout
        found = [json.loads(line) for line in dump.splitlines()]
        path = next(one['file'] for one in found if one['type'] == 'segment')
        position = next(one['position'] for one in found if one['type'] == 'frame')
        with open(path, 'r+b') as file:
            file.seek(position + 100)
            byte = file.read(1)[0]
            file.seek(position + 100)
            file.write(bytes([byte ^ 1]))
        ran = self.run_program('log', 'verify', self.data)
        self.assertEqual(ran.returncode, 1)
        self.assertIn(f'DAMAGE  words/0  offset 0  {path} at byte {position}', ran.stdout)
        ran = self.run_program('log', 'verify', self.data, '--json')
        damage = json.loads(ran.stdout.splitlines()[0])
        self.assertEqual((damage['type'], damage['topic'], damage['partition'], damage['offset'], damage['position']),
                         ('damage', 'words', 0, 0, position))

    def test_log_leaves_a_running_server_alone_unless_forced(self):
        server = self.serve()
        self.produce(server, 'k1:hello\n')
        ran = self.run_program('log', 'verify', self.data)
        self.assertEqual(ran.returncode, 1)
        self.assertIn('open in a server', ran.stderr)
        forced = self.run_program('log', 'dump', self.data, '--force', '--records')
        self.assertIn('value "hello"', forced.stdout)
        self.assertEqual(server.end(), 0)

    def test_log_reads_what_it_may_not_write(self):
        server = self.serve()
        self.produce(server, 'k1:hello\n')
        self.assertEqual(server.end(), 0)
        names = sorted(path for path in self.data.rglob('*'))
        before = {path: path.read_bytes() for path in names if path.is_file()}
        for path in names:
            path.chmod(0o500 if path.is_dir() else 0o400)
        with contextlib.ExitStack() as stack:
            for path in names:
                stack.callback(os.chmod, path, 0o700)
            self.assertEqual(self.run_program('log', 'verify', self.data).returncode, 0)
        self.assertEqual(sorted(self.data.rglob('*')), names)
        self.assertEqual({path: path.read_bytes() for path in before}, before)

    def test_log_says_what_is_not_there(self):
        self.assertEqual(self.run_program('log', 'dump', 'nowhere').returncode, 1)
        server = self.serve()
        self.produce(server, 'k1:hello\n')
        self.assertEqual(server.end(), 0)
        for option in ('--topic=other', '--partition=7'):
            ran = self.run_program('log', 'dump', self.data, option)
            self.assertEqual(ran.returncode, 1)
            self.assertIn('no such topic or partition', ran.stderr)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--penstock', required=True, help='the program')
    options, rest = parser.parse_known_args()
    CommandLine.program = pathlib.Path(options.penstock).resolve()
    unittest.main(argv=[sys.argv[0], *rest])
