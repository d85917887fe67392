"""Each client gives the server each codec it has, and each client reads back what each has given, byte for byte."""
import collections
import contextlib
import random
import struct
import sys
import time

import setting  # first: it finds what follows
import kafka_messages as kafka
from cases import Cases
from clients import CODEC_NUMBERS, changed
from lines import Record, bytes_of, fields_of, headers_of
from server import running_server


def text(chance, size_bytes):
    words = [b'log', b'segment', b'record', b'batch', b'offset', b'leader', b'epoch', b'flush']
    data = b''
    while len(data) < size_bytes:
        data += chance.choice(words) + b' %d ' % chance.randrange(1000)
    return data[:size_bytes]


def records_to_send():
    chance = random.Random(7)
    now = int(time.time() * 1000)
    contents = [
        (b'a key', text(chance, 600), [('name', b'value'), ('other', b'\xc3\xa4')]),
        (None, text(chance, 600), []),
        (b'', text(chance, 600), []),
        (b'tombstone', None, []),
        (b'empty', b'', [('empty', b'')]),
        (b'null header', text(chance, 600), [('null', None)]),
        (b'twice', text(chance, 600), [('again', b'1'), ('again', b'2')]),
        (b'binary', bytes(range(256)) * 8, []),
        (b'large', text(chance, 200_000), []),
        *((b'key %d' % number, text(chance, 700), [('number', b'%d' % number)]) for number in range(8)),
    ]
    return [Record(0, now + number, *content) for number, content in enumerate(contents)]


class Bench:
    """A server, the clients, and what each has produced."""

    def __init__(self, server, clients):
        self.server = server
        self.clients = {client.name: client for client in clients}
        self.produced = {}  # client and codec -> records

    def codecs_of(self, topic):
        """The numbers of the codecs of a topic's batches, as they are stored."""
        with self.server.connect() as connection:
            answer = kafka.only_partition(connection.call(kafka.FETCH, 11, kafka.fetch(topic, {0: 0})))
        assert answer['error'] == 0, answer
        data, begin, codecs = answer['records'], 0, set()
        while begin < len(data):
            (length,) = struct.unpack_from('>i', data, begin + 8)
            (attributes,) = struct.unpack_from('>h', data, begin + 21)
            codecs.add(attributes & 7)
            begin += 12 + length
        return codecs


@contextlib.contextmanager
def bench(programs):
    with running_server(programs, options=['--group.initial.rebalance.delay.ms=0']) as server:
        yield Bench(server, setting.clients(programs))


cases = Cases(bench)


def topic_of(name, codec):
    return f'{name}-{codec}'


def produce(bench, name):
    """Every codec is given by"""
    client = bench.clients[name]
    records = [changed(record, client.sends) for record in records_to_send()]
    client.run(('\t'.join([codec, topic_of(name, codec), str(record.partition), *fields_of(record)])
                for codec in client.gives() for record in records), 'produce', bench.server.address())
    for codec in client.gives():
        codecs = bench.codecs_of(topic_of(name, codec))
        assert CODEC_NUMBERS[codec] in codecs, f'{codec}: the batches have the codecs {codecs}'
        bench.produced[name, codec] = records


def consume(bench, name):
    """Everything is read by"""
    client = bench.clients[name]
    wanted = {source: records for source, records in bench.produced.items()
              if source[1] in client.codecs}
    assert wanted
    output = client.run((f'{topic_of(*source)}\t{len(records)}' for source, records in wanted.items()), 'consume',
                        bench.server.address())
    found = collections.defaultdict(list)
    for line in output.splitlines():
        topic, partition, offset, timestamp, key, value, headers = line.split('\t')
        found[topic].append((int(offset), Record(int(partition), int(timestamp), bytes_of(key), bytes_of(value),
                                                 headers_of(headers))))
    for source, records in wanted.items():
        seen = found.pop(topic_of(*source))
        assert [offset for offset, _ in seen] == list(range(len(records))), source
        for (offset, record), sent in zip(seen, records):
            assert_shown(client, record, sent, bench.clients[source[0]].timestamps, (source, offset))
    assert not found, list(found)


def assert_shown(client, record, sent, timestamp_known, place):
    wanted = changed(sent, client.shows)
    if timestamp_known:
        assert record.timestamp == wanted.timestamp, (place, record.timestamp, wanted.timestamp)
    for part in ('key', 'value', 'headers'):
        have, want = getattr(record, part), getattr(wanted, part)
        assert have == want, f'{place}, {part}: {str(have)[:200]} instead of {str(want)[:200]}'


for name in setting.CLIENT_NAMES:
    cases.add(f'{produce.__doc__} {name}', produce, name)
for name in setting.CLIENT_NAMES:
    cases.add(f'{consume.__doc__} {name}', consume, name)


if __name__ == '__main__':
    sys.exit(cases.main(setting.why_not()))
