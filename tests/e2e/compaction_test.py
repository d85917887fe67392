"""Compacted topics: a consumer finds the last value of each key, whatever happens to the server meanwhile."""
import random
import subprocess
import sys
import time
import zlib

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import encode_batch, encode_record
from server import data_directory, running_server

cases = Cases()

_OFTEN = ['--log.cleaner.backoff.ms=50', '--log.retention.check.interval.ms=100']
_SMALL = {'cleanup.policy': 'compact', 'segment.bytes': '65536', 'min.cleanable.dirty.ratio': '0.1'}


def make_topic(server, name, **configs):
    configs = {**_SMALL, **{key.replace('_', '.'): str(value) for key, value in configs.items()}}
    with server.connect() as connection:
        answer = connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(name, configs=configs))
    assert answer['topics'][0]['error'] == 0, answer


def produce(server, name, records, *options):
    """Records of (key, value) with kcat; None is a tombstone."""
    lines = ''.join(f'{key}:{value or ""}\n' for key, value in records)
    limit = ['-X', 'batch.size=30000']  # a batch is no larger than a segment
    run = subprocess.run(['kcat', '-b', server.address(), '-P', '-t', name, '-K:', '-Z', *limit, *options], timeout=60,
                         input=lines.encode(), capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()[-2000:]


def consume(server, name):
    """All there is, as a list of (offset, key, value); a tombstone's value is None."""
    found = subprocess.run(['kcat', '-b', server.address(), '-C', '-e', '-q', '-t', name, '-o', 'beginning', '-Z',
                            '-X', 'fetch.wait.max.ms=20', '-f', '%o %k %S %s\n'], timeout=60, capture_output=True,
                           check=True).stdout.decode()
    records = []
    for line in found.splitlines():
        offset, key, size, value = line.split(' ', 3)
        records.append((int(offset), key, None if size == '-1' else value))
    return records


def last_values(records):
    return dict(records)


def check_all(server, name, sent):
    """The last record of each key is there, at its offset, and nothing that was not sent."""
    found = consume(server, name)
    offsets = [offset for offset, _, _ in found]
    assert offsets == sorted(set(offsets)), 'the offsets do not ascend'
    for offset, key, value in found:
        assert sent[offset] == (key, value), f'offset {offset} has {key}={value}, and had {sent[offset]}'
    assert last_values((key, value) for _, key, value in found) == last_values(sent), 'a last value is missing'
    return found


def wait_until_fewer(server, name, sent, count, patience_s=30):
    deadline = time.monotonic() + patience_s
    while len(found := check_all(server, name, sent)) > count:
        assert time.monotonic() < deadline, f'{len(found)} records are left of {len(sent)}'
        time.sleep(0.1)
    return found


def updates(seed, count, keys=50):
    chance = random.Random(seed)
    return [(f'key{chance.randrange(keys)}', f'{number} ' + 'x' * chance.randrange(200)) for number in range(count)]


def allocated_bytes(directory):
    return sum(path.stat().st_blocks * 512 for path in directory.rglob('*') if path.is_file())


@cases.case('uring')
@cases.case('threads')
def last_value_per_key(programs, io):
    """A consumer finds the last value of each of 50 keys, also after kill -9 in the middle of compaction, on"""
    with data_directory() as directory, running_server(programs, directory / 'data', io=io, options=_OFTEN) as server:
        make_topic(server, 'state')
        sent = []
        for part in range(4):
            fresh = updates(part, 2000)
            produce(server, 'state', fresh)
            sent += fresh
            check_all(server, 'state', sent)
            server.kill()
            server.start()
            check_all(server, 'state', sent)
        found = wait_until_fewer(server, 'state', sent, 2000)
        note(f'{len(found)} records are left of {len(sent)}, {allocated_bytes(directory) >> 20} MiB')
        assert server.terminate()[0] == 0
        verified = subprocess.run([programs.penstock, 'log', 'verify', directory / 'data'], capture_output=True,
                                  check=False)
        assert verified.returncode == 0, verified.stdout.decode() + verified.stderr.decode()


@cases.case('gzip')
@cases.case('snappy')
@cases.case('lz4')
@cases.case('zstd')
def compressed(programs, codec):
    """Batches are compacted and stay compressed with"""
    with running_server(programs, options=_OFTEN) as server:
        make_topic(server, 'packed')
        sent = updates(codec, 20_000, keys=300)
        produce(server, 'packed', sent, '-z', codec)
        found = wait_until_fewer(server, 'packed', sent, 12_000)
        note(f'{len(found)} records are left of {len(sent)}')


@cases.case()
def tombstones(programs):
    """A key that is deleted is gone, and its tombstone too after its time"""
    with running_server(programs, options=_OFTEN) as server:
        make_topic(server, 'deleted', delete_retention_ms=300, segment_ms=500)
        sent = updates(1, 2000, keys=20) + [(f'key{number}', None) for number in range(10)] + [('key10', 'new')]
        produce(server, 'deleted', sent)
        deadline = time.monotonic() + 30
        left = {f'key{number}' for number in range(10, 20)}
        while (found := {key for _, key, _ in consume(server, 'deleted')}) != left:
            assert time.monotonic() < deadline, f'{sorted(found)} are left'
            time.sleep(0.1)


@cases.case()
def idle_segments(programs):
    """A topic that gets nothing more is compacted when segment.ms has passed"""
    with running_server(programs, options=_OFTEN) as server:
        make_topic(server, 'idle', segment_ms=300)
        sent = [('a', '1'), ('b', '2'), ('a', '3')]
        produce(server, 'idle', sent)
        found = wait_until_fewer(server, 'idle', sent, 2)
        assert found == [(1, 'b', '2'), (2, 'a', '3')], found


def gzipped(data):
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


@cases.case()
def without_keys(programs):
    """A batch with a record that compaction could not keep is refused whole, compressed or not"""
    keyed = encode_record(0, b'value', key=b'key')
    mixed = keyed + encode_record(1, b'value')
    whole = keyed + encode_record(1, b'value', key=b'')
    batches = [(87, encode_batch([b''] * 2, records=mixed)),
               (87, encode_batch([b''] * 2, records=gzipped(mixed), attributes=1)),
               (2, encode_batch([b''] * 2, records=gzipped(whole)[:-3], attributes=1)),
               (87, encode_batch([b''] * 3, records=gzipped(whole), attributes=1)),
               (0, encode_batch([b''] * 2, records=whole)),
               (0, encode_batch([b''] * 2, records=gzipped(whole), attributes=1))]
    keyless = [batch for _, batch in batches[:2]]
    with running_server(programs, options=_OFTEN) as server:
        make_topic(server, 'keyed')
        make_topic(server, 'plain', cleanup_policy='delete')
        with server.connect() as connection:
            for error, batch in batches:
                answer = kafka.only_partition(connection.call(kafka.PRODUCE, 9, kafka.produce('keyed', {0: batch})))
                assert answer['error'] == error, f"error {answer['error']}, not {error}"
                named = [record['index'] for record in answer['record_errors']]
                # Of a batch that can be read, the record at fault is named.
                assert named == ([1] if batch in keyless else []), f'the records {named} of {batch}'
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce('plain', {0: batches[0][1]}))
            assert kafka.only_partition(answer)['error'] == 0, answer
        found = [offset for offset, _, _ in consume(server, 'keyed')]
        assert found == [0, 1, 2, 3], found


if __name__ == '__main__':
    sys.exit(cases.main())
