"""A disk that is full: produce is refused, reading goes on, and when there is room again all is well, without a restart."""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from server import running_server

cases = Cases()

_STORAGE_ERROR = 56
_IMAGE_BYTES = 96 << 20
_BATCH = encode_batch([bytes(900_000)])


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def unmount(mount_point):
    """A killed server's ring holds its files for some milliseconds longer."""
    for _ in range(100):
        if subprocess.run(['umount', mount_point], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return
        time.sleep(0.05)
    run('umount', mount_point)


@contextlib.contextmanager
def small_disk():
    """A file system of its own, in a file, behind a loop device."""
    with tempfile.TemporaryDirectory(prefix='penstock-e2e-') as directory:
        image, mount_point = pathlib.Path(directory) / 'image', pathlib.Path(directory) / 'disk'
        mount_point.mkdir()
        with image.open('wb') as file:
            file.truncate(_IMAGE_BYTES)
        run('mkfs.ext4', '-q', '-F', '-m', '0', image)
        run('mount', '-o', 'loop', image, mount_point)
        try:
            yield mount_point
        finally:
            unmount(mount_point)


def why_not_here():
    if os.geteuid() != 0:
        return 'mounting a small disk takes root'
    try:
        with small_disk():
            return None
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        return f'a small disk cannot be mounted here: {error}'


def produce_code(connection, topic, batch=_BATCH):
    return kafka.only_partition(connection.call(kafka.PRODUCE, 7, kafka.produce(topic, {0: batch})))['error']


def fill(connection, topic):
    """Until it is refused. How many were taken."""
    taken = 0
    while (code := produce_code(connection, topic)) == 0:
        taken += 1
        assert taken < 1000, 'the disk does not get full'
    assert code == _STORAGE_ERROR, f'error {code}'
    return taken


def assert_readable(connection, topic, count):
    offset = 0
    while offset < count:
        result = kafka.only_partition(connection.call(kafka.FETCH, 11, kafka.fetch(topic, {0: offset})))
        assert result['error'] == 0 and result['high_watermark'] == count, (topic, offset, result['error'])
        records = decode_batches(result['records'])
        assert [record.offset for record in records] == list(range(offset, offset + len(records)))
        assert records and all(record.value == bytes(900_000) for record in records)
        offset += len(records)


@cases.case('uring')
@cases.case('threads')
def full_and_free_again(programs, io):
    """A full disk refuses produce, serves reads, and recovers by itself once there is room, on"""
    with small_disk() as disk, running_server(programs, disk / 'data', io=io) as server:
        with server.connect(timeout=60) as connection:
            for topic in ('large', 'small'):
                assert connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(topic))['topics'][0]['error'] == 0
            small = 3
            for _ in range(small):
                assert produce_code(connection, 'small') == 0
            large = fill(connection, 'large')
            note(f'{large} batches of 0.9 MB were taken')
            assert large >= _IMAGE_BYTES // 900_000 // 3, 'the disk was full too soon'
            small += fill(connection, 'small')
            for _ in range(20):
                assert produce_code(connection, 'large') == _STORAGE_ERROR
            assert_readable(connection, 'large', large)
            assert_readable(connection, 'small', small)
            answer = connection.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics('large'))
            assert answer['topics'][0]['error'] == 0, answer
            began = time.monotonic()
            while (code := produce_code(connection, 'small')) != 0:
                assert code == _STORAGE_ERROR, code
                assert time.monotonic() - began < 20, 'there is room, and produce is still refused'
                time.sleep(0.05)
            note(f'room again after {time.monotonic() - began:.2f} s')
            small += 1
            for _ in range(10):
                assert produce_code(connection, 'small') == 0
                small += 1
            assert_readable(connection, 'small', small)
        # And nothing of it hurts the next start.
        server.kill()
        server.start()
        with server.connect() as connection:
            assert_readable(connection, 'small', small)
            fill(connection, 'small')
        assert server.terminate()[0] == 0


if __name__ == '__main__':
    sys.exit(cases.main(skip=why_not_here()))
