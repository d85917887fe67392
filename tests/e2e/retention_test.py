"""What topics keep, and for how long: by time, by size, by the node's defaults, over restarts."""
import subprocess
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import encode_batch
from server import data_directory, running_server

cases = Cases()

_INVALID_CONFIG = 40
_OFTEN = ['--log.retention.check.interval.ms=100']


def make_topic(connection, name, **configs):
    configs = {key.replace('_', '.'): str(value) for key, value in configs.items()}
    answer = connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(name, configs=configs))
    return answer['topics'][0]['error']


def append(connection, name, value, count=1):
    for _ in range(count):
        answer = connection.call(kafka.PRODUCE, 7, kafka.produce(name, {0: encode_batch([value])}))
        assert kafka.only_partition(answer)['error'] == 0, answer


def earliest(server, name):
    """As a user asks for it."""
    told = subprocess.run(['kcat', '-b', server.address(), '-Q', '-t', f'{name}:0:-2'], capture_output=True, timeout=60,
                          check=True).stdout.decode()
    return int(told.split('offset ')[1].split()[0])


def wait_for_earliest(server, name, offset, patience_s=30):
    deadline = time.monotonic() + patience_s
    while (found := earliest(server, name)) != offset:
        assert time.monotonic() < deadline, f'the first offset of {name} is {found}, not {offset}'
        time.sleep(0.05)


def allocated_bytes(directory):
    return sum(path.stat().st_blocks * 512 for path in directory.rglob('*') if path.is_file())


@cases.case('uring')
@cases.case('threads')
def by_time(programs, io):
    """Records older than retention.ms are gone, and their offsets are not given out again, on"""
    with running_server(programs, io=io, options=_OFTEN) as server:
        with server.connect() as connection:
            assert make_topic(connection, 'short', retention_ms=2000) == 0
            assert make_topic(connection, 'long') == 0
            began = time.monotonic()
            for name in ('short', 'long'):
                append(connection, name, b'x' * 100, 7)
            wait_for_earliest(server, 'short', 7)
            took = time.monotonic() - began
            assert took > 2, f'gone after {took:.1f} s'
            note(f'gone after {took:.1f} s')
            assert earliest(server, 'long') == 0
        server.kill()
        server.start()
        assert earliest(server, 'short') == 7
        with server.connect() as connection:
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce('short', {0: encode_batch([b'more'])}))
            assert kafka.only_partition(answer)['base_offset'] == 7, answer


@cases.case()
def by_size(programs):
    """A topic with retention.bytes takes 96 MiB in bounded space, and keeps the newest"""
    with data_directory() as directory, running_server(programs, directory / 'data', reactors=1, options=_OFTEN) as server:
        with server.connect() as connection:
            assert make_topic(connection, 'bounded', retention_bytes=4 << 20, segment_bytes=1 << 20) == 0
            most = 0
            for number in range(96):
                append(connection, 'bounded', bytes(100_000), 10)
                if number % 8 == 7:
                    time.sleep(0.3)
                    most = max(most, allocated_bytes(directory))
            time.sleep(0.3)
            start = earliest(server, 'bounded')
            kept = (960 - start) * 100_000
            note(f'keeps {kept >> 10} KiB, took at most {most >> 20} MiB of the disk')
            assert 4 << 20 <= kept + 100_000 and kept < 6 << 20, kept
            assert most < 40 << 20, most


@cases.case()
def by_default(programs):
    """The node's defaults, from its file, hold where a topic says nothing"""
    with data_directory() as directory:
        config = directory / 'penstock.toml'
        config.write_text('log.roll.hours = 1\n[log.retention]\nhours = 1\nminutes = 1\nms = 1500\ncheck.interval.ms = 100\n')
        with running_server(programs, directory / 'data', options=[f'--config={config}']) as server:
            with server.connect() as connection:
                assert make_topic(connection, 'plain') == 0
                assert make_topic(connection, 'kept', retention_ms=-1) == 0
                for name in ('plain', 'kept'):
                    append(connection, name, b'x', 3)
            wait_for_earliest(server, 'plain', 3)
            assert earliest(server, 'kept') == 0


@cases.case('cleanup.policy', 'shrink')
@cases.case('retention.ms', '-2')
@cases.case('segment.ms', '0')
def refused(programs, key, value):
    """A topic is not made with what would not be done:"""
    with running_server(programs) as server, server.connect() as connection:
        assert make_topic(connection, 'refused', **{key: value}) == _INVALID_CONFIG


if __name__ == '__main__':
    sys.exit(cases.main())
