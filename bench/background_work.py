#!/usr/bin/python3
"""What do compaction and retention cost a producer? Budget: p99 at most 1.5 times as long as without them.

    bench/background_work.py --penstock=build/tools/penstock --data-dir=/disk/to/measure

One server on one core, all clients on another. Round after round, a producer in an open loop is measured twice, with the
same load beside it: once that load goes to a topic that is compacted all the time and to one that keeps little, once to
topics that keep all. The ratio is that of the rounds' medians; one JSON object is printed. A release build's figures
count; --seconds=20 and more, on a machine where nothing else runs.
"""
import argparse
import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

_TOPICS = {'with': ('compacted', 'short'), 'without': ('kept', 'kept-too')}


def configs_of(topic, segment_bytes):
    configs = {'segment.bytes': segment_bytes}
    if topic == 'compacted':
        configs.update({'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0.01})
    if topic == 'short':
        configs['retention.bytes'] = 2 * segment_bytes
    return configs


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Node:
    """A server, its topics, and what it says of itself."""

    def __init__(self, options):
        self.options = options
        self.port, self.http_port = free_port(), free_port()
        self.process = subprocess.Popen([
            options.penstock, 'serve', f'--data-dir={options.data_dir}', f'--kafka-listen=127.0.0.1:{self.port}',
            f'--http-listen=127.0.0.1:{self.http_port}', '--log.cleaner.backoff.ms=100',
            '--log.retention.check.interval.ms=100', *([f'--cores={options.broker_core}'] if options.pinned else []),
            *options.serve], stdin=subprocess.DEVNULL)
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f'http://127.0.0.1:{self.http_port}/readyz', timeout=10).close()
                return
            time.sleep(0.05)
        sys.exit('the server does not start')

    def command(self, *arguments):
        return [self.options.penstock, *arguments, f'--bootstrap=127.0.0.1:{self.port}']

    def create_topic(self, name):
        configs = configs_of(name, self.options.segment_bytes)
        subprocess.run(self.command('topic', 'create', name, *(f'--config={key}={value}' for key, value in configs.items())),
                       stdout=subprocess.DEVNULL, check=True)

    def figures(self):
        """How much compaction has read and written, and where the short topic's log starts."""
        page = urllib.request.urlopen(f'http://127.0.0.1:{self.http_port}/metrics', timeout=10).read().decode()
        lines = [line.rpartition(' ') for line in page.splitlines() if not line.startswith('#')]
        return {
            'compacted_bytes': sum(float(value) for name, _, value in lines if name.startswith(
                ('penstock_cleaner_read_bytes_total', 'penstock_cleaner_written_bytes_total'))),
            'dropped_records': sum(float(value) for name, _, value in lines if name.startswith(
                'penstock_topic_log_start_offset{') and '"short"' in name),
        }

    def wait_quiet(self):
        """What is left to be compacted is no part of the next measurement."""
        before = None
        while (now := self.figures()) != before:
            before = now
            time.sleep(0.5)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def bench(node, topic, seconds, rate, batch_bytes, *more):
    return node.command('bench', 'produce', f'--topic={topic}', f'--rate={rate}', f'--batch-bytes={batch_bytes}',
                        f'--duration={seconds * 1000:.0f}ms', f'--window={min(seconds, 1) * 1000:.0f}ms', '--json',
                        *([f'--core={node.options.core}'] if node.options.pinned else []), *more)


def measure(node, kind):
    """One window with the load beside it: the producer's latencies, and what was done in the background meanwhile."""
    options = node.options
    node.wait_quiet()
    before = node.figures()
    beside = [subprocess.Popen(bench(node, topic, options.seconds + 60, options.load_rate, '64KiB', f'--keys={options.keys}'),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for topic in _TOPICS[kind]]
    try:
        time.sleep(options.seconds / 4)  # until files have filled
        run = subprocess.run(bench(node, 'measured', options.seconds, options.rate, options.batch_bytes),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        if any(load.poll() is not None for load in beside):
            sys.exit('the load beside it has ended')
    finally:
        for load in beside:
            load.kill()
            load.wait()
    after = node.figures()
    latency = json.loads(run.stdout)['latency_us']
    return {'p50_us': latency['p50'], 'p99_us': latency['p99'], **{name: after[name] - before[name] for name in after}}


def run(options):
    node = Node(options)
    try:
        for name in ('measured', *_TOPICS['with'], *_TOPICS['without']):
            node.create_topic(name)
        rounds = []
        for number in range(options.rounds):
            # By turns the one first and the other.
            kinds = list(_TOPICS) if number % 2 == 0 else list(_TOPICS)[::-1]
            rounds.append({kind: measure(node, kind) for kind in kinds})
            print(f'round {number + 1}: {rounds[-1]}', file=sys.stderr)
    finally:
        node.close()
    idle = [each for each in rounds if not each['with']['compacted_bytes'] or not each['with']['dropped_records']]
    busy = [each for each in rounds if each['without']['compacted_bytes'] or each['without']['dropped_records']]
    if idle or busy:
        sys.exit(f'no measure: rounds in which nothing was compacted or dropped, {idle}, or in which it was not to be, {busy}')
    medians = {f'{figure}_{kind}': statistics.median(each[kind][figure] for each in rounds)
               for kind in _TOPICS for figure in ('p50_us', 'p99_us')}
    print(json.dumps({'p99_ratio': round(medians['p99_us_with'] / medians['p99_us_without'], 3), **medians, 'rounds': rounds}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--penstock', required=True, help='the program')
    parser.add_argument('--data-dir', required=True, help='a directory is made in it, and removed')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=float, default=20, help='of each measurement, two to a round')
    parser.add_argument('--rate', type=float, default=500, help='requests a second of the measured producer')
    parser.add_argument('--batch-bytes', default='16KiB', help='in each of them')
    parser.add_argument('--load-rate', type=float, default=200, help='of 64 KiB, to each of the two topics beside it')
    parser.add_argument('--keys', type=int, default=20_000, help='of 1 KiB, that compaction leaves')
    parser.add_argument('--segment-bytes', type=int, default=8 << 20, help='of every topic')
    parser.add_argument('--not-pinned', dest='pinned', action='store_false', help='to no cores')
    parser.add_argument('--broker-core', type=int, default=0)
    parser.add_argument('--core', type=int, default=1, help="the clients'")
    parser.add_argument('serve', nargs='*', help='more options of penstock serve, behind --')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='penstock-work-', dir=options.data_dir) as options.data_dir:
        run(options)


if __name__ == '__main__':
    main()
