"""Large batches, which the log writes from where they were received: counted, and otherwise like all others."""
import struct
import sys

import kafka_messages as kafka
import kafka_quota_messages as quotas
from cases import Cases
from kafka_wire import encode_batch
from metrics_test import a_server, scrape

cases = Cases()

_SHORT, _LONG = 't', 'a-topic-whose-name-is-so-long-that-batches-begin-elsewhere'
_LINKED_BYTES_MIN = 48 << 10
_LARGEST_BYTES = 4_177_920  # that a topic may allow
_HEADER_BYTES = 61


def batch_of(size_bytes, number):
    """A batch of exactly this size, unlike those of other numbers."""
    def made(value_bytes):
        pattern = struct.pack('>II', number, size_bytes)
        return encode_batch([(pattern * (value_bytes // len(pattern) + 1))[:value_bytes]], timestamp=1_700_000_000_000)
    batch = made(size_bytes - _HEADER_BYTES)
    return made(2 * (size_bytes - _HEADER_BYTES) - (len(batch) - _HEADER_BYTES))


def stored(batch, base_offset):
    """What a fetch answers of it: the broker sets its base offset and leader epoch, which its CRC leaves out."""
    return struct.pack('>q', base_offset) + batch[8:12] + struct.pack('>i', 0) + batch[16:]


def placed_and_linked(server):
    page = scrape(server)
    return page.total('penstock_log_placed_bytes_total'), page.total('penstock_log_linked_bytes_total')


class Account:
    """What one connection has produced, and what of it must have been linked."""

    def __init__(self, server):
        self.server, self.connection = server, server.connect()
        self.logs = {}  # (topic, partition) -> batches
        self.place_of = None  # the topic of the last request: all else before a batch is as long in each

    def produce(self, topic, partition, size_bytes):
        batch = batch_of(size_bytes, sum(map(len, self.logs.values())))
        log = self.logs.setdefault((topic, partition), [])
        before = placed_and_linked(self.server)
        answer = self.connection.call(kafka.PRODUCE, 7, kafka.produce(topic, {partition: batch}))
        found = [(one['name'], part['index'], part['error'], part['base_offset'])
                 for one in answer['topics'] for part in one['partitions']]
        assert found == [(topic, partition, 0, len(log))], found
        placed, linked = (now - then for now, then in zip(placed_and_linked(self.server), before))
        expected = len(batch) if len(batch) >= _LINKED_BYTES_MIN and self.place_of == topic else 0
        assert (placed, linked) == (len(batch), expected), (topic, len(batch), placed, linked)
        log.append(batch)
        self.place_of = topic

    def check_stored(self):
        """Byte for byte, read back whole."""
        with self.server.connect() as reader:
            for (topic, partition), batches in self.logs.items():
                records, at = b'', 0
                while at < len(batches):
                    answer = reader.call(kafka.FETCH, 11, kafka.fetch(topic, {partition: at}))
                    part = kafka.only_partition(answer)
                    assert part['error'] == 0 and part['records'], part['error']
                    count = 0
                    while count < len(part['records']):  # one record to a batch
                        count += 12 + struct.unpack_from('>i', part['records'], count + 8)[0]
                        at += 1
                    assert count == len(part['records']), 'half a batch'
                    records += part['records']
                assert records == b''.join(map(stored, batches, range(len(batches)))), (topic, partition)


@cases.case('uring')
@cases.case('threads')
def linked(programs, io):
    """What is linked is counted, answered by its name, and read back as it was sent, also after kill -9, on"""
    # On one reactor, since a batch is linked on the reactor that received it.
    with a_server(programs, io, reactors=1) as server:
        with server.connect() as admin:
            configs = {'max.message.bytes': str(_LARGEST_BYTES)}
            created = admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_SHORT, _LONG, partitions=2, configs=configs))
            assert [topic['error'] for topic in created['topics']] == [0, 0], created
        account = Account(server)
        least = _LINKED_BYTES_MIN
        for size_bytes in (100_000, 100_000, least, least - 1, 1 << 20, 3_000, 70_001, 70_002, _LARGEST_BYTES, 65_536):
            account.produce(_SHORT, 1, size_bytes)
        for topic, partition, size_bytes in ((_LONG, 0, 500_000), (_LONG, 0, 500_000), (_LONG, 1, 80_000),
                                             (_SHORT, 1, 80_000), (_SHORT, 0, 80_000), (_SHORT, 1, 200)):
            account.produce(topic, partition, size_bytes)
        account.check_stored()
        server.kill()
        server.start()
        account.check_stored()


@cases.case()
def several_batches(programs):
    """A request with several batches has none linked, and tells the connection no place"""
    with a_server(programs, reactors=1) as server, server.connect() as client:
        client.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_SHORT, partitions=2))
        batches = {index: batch_of(100_000, index) for index in (0, 1)}
        for wanted, expected in ((batches, 0), (batches, 0), ({0: batches[0]}, 0), (batches, 0), ({0: batches[0]}, 100_000)):
            before = placed_and_linked(server)
            answer = client.call(kafka.PRODUCE, 7, kafka.produce(_SHORT, wanted))
            assert [part['error'] for part in answer['topics'][0]['partitions']] == [0] * len(wanted)
            assert placed_and_linked(server)[1] - before[1] == expected, expected


@cases.case()
def client_id(programs):
    """Who sent a batch is known when the log has its memory: its quota holds"""
    with a_server(programs, reactors=1) as server, server.connect() as client:
        client.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_SHORT))
        limits = {'producer_byte_rate': 10_000.0}
        answer = client.call(quotas.ALTER_CLIENT_QUOTAS, 1, quotas.alter_client_quotas({'client-id': 'e2e'}, limits))
        assert answer['entries'][0]['error'] == 0
        # A small batch tells the connection where a large one will begin, and is within the quota.
        for size_bytes, waits in ((200, False), (1 << 20, True)):
            answer = client.call(kafka.PRODUCE, 7, kafka.produce(_SHORT, {0: batch_of(size_bytes, 0)}))
            assert kafka.only_partition(answer)['error'] == 0
            assert (answer['throttle_ms'] > 0) == waits, answer['throttle_ms']
        assert placed_and_linked(server)[1] == 1 << 20


if __name__ == '__main__':
    sys.exit(cases.main())
