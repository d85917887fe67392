"""Servers for the tests: started on a free port of the loopback, and gone when the test is."""
import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import kafka_messages as kafka
from kafka_wire import Connection, WireError


class Programs:
    """What the tests run, from their command line."""

    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument('--penstock', required=True, help='the program')
        parser.add_argument('--sanitized', action='store_true', help='slower, and larger in memory')
        parser.add_argument('--librdkafka-client', help='the program of tests/clients')
        parser.add_argument('only', nargs='*', help='words of the names of the cases to run; all without')
        options = parser.parse_args()
        self.penstock = pathlib.Path(options.penstock).resolve()
        self.sanitized = options.sanitized
        self.librdkafka_client = options.librdkafka_client and pathlib.Path(options.librdkafka_client).resolve()
        self.only = options.only


def free_port():
    """A port that no other test takes either, and the lock that says so, to be kept. Servers share ports
    (SO_REUSEPORT), so two tests with the same one would talk to each other's; and the kernel gives ports from 32768 on
    to whoever connects."""
    while True:
        port = random.randrange(20000, 32000)
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f'\0penstock-e2e-{port}')
            with socket.socket() as probe:
                probe.bind(('127.0.0.1', port))
            return port, lock
        except OSError:
            lock.close()


class Server:
    """One `penstock serve` on `directory`. Started again, it has the same port."""

    def __init__(self, programs, directory, io='uring', reactors=2, options=(), http_listen=''):
        self.program, self.directory, self.io, self.reactors = programs.penstock, directory, io, reactors
        self.options = options
        self.http_listen = http_listen
        self.port, self.port_lock = free_port()
        self.process = None
        self.log = None

    def command(self):
        return [self.program, 'serve', f'--data-dir={self.directory}', f'--kafka-listen=127.0.0.1:{self.port}',
                '--http-listen', self.http_listen,
                f'--io={self.io}', f'--reactors={self.reactors}', *self.options]

    def start(self, patience_s=30):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(self.obituary())
            try:
                with Connection(self.port, timeout=patience_s) as connection:
                    connection.call(kafka.API_VERSIONS, 0, {})
                return self
            except (OSError, WireError):
                time.sleep(0.005)
        raise AssertionError(f'the server does not answer after {patience_s} s:\n{self.said()}')

    def said(self):
        """The end of what it printed."""
        size = os.fstat(self.log.fileno()).st_size
        begin = max(0, size - 8000)
        return os.pread(self.log.fileno(), size - begin, begin).decode(errors='replace')

    def died(self):
        """Ended, and not as a test ends it."""
        return (self.process is not None and self.process.poll() is not None
                and self.process.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM))

    def obituary(self):
        return f'the server ended with status {self.process.returncode}; it said:\n{self.said()}'

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def terminate(self, patience_s=20):
        """Stops it as an operator does. Returns its exit status and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'still running {patience_s} s after SIGTERM:\n{self.said()}') from None
        return status, time.monotonic() - began

    def running(self):
        return self.process is not None and self.process.poll() is None

    def connect(self, **options):
        return Connection(self.port, **options)

    def address(self):
        return f'127.0.0.1:{self.port}'

    def resident_bytes(self):
        for line in pathlib.Path(f'/proc/{self.process.pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) * 1024
        raise AssertionError('the server is gone')

    def cpu_seconds(self):
        """Of user and system time, of all its threads, since it started."""
        after_name = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf('SC_CLK_TCK')

    def close(self):
        if self.running():
            self.kill()
        self.port_lock.close()


@contextlib.contextmanager
def data_directory():
    path = tempfile.mkdtemp(prefix='penstock-e2e-', dir=os.environ.get('PENSTOCK_E2E_DIR'))
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running_server(programs, directory=None, **options):
    """A started server, on a directory of its own without one given; after the block neither is left."""
    with contextlib.ExitStack() as stack:
        server = Server(programs, directory or stack.enter_context(data_directory()) / 'data', **options)
        stack.callback(server.close)
        try:
            yield server.start()
        except Exception:
            # A server that died says more than the client that found it dead.
            if server.died():
                raise AssertionError(server.obituary()) from None
            raise
        if server.died():
            raise AssertionError(server.obituary())
