"""Offsets by time: exact to the record, in compressed batches too."""
import gzip
import sys

import kafka_messages as kafka
from cases import Cases
from healthy import bystander
from kafka_wire import encode_batch, encode_record

cases = Cases(bystander)

_BASE = 1_600_000_000_000


def produce(connection, topic, deltas, base, codec):
    """One batch of records at `base` plus each of `deltas`."""
    records = b''.join(encode_record(i, b'%d' % delta, timestamp_delta=delta) for i, delta in enumerate(deltas))
    if codec:
        records = gzip.compress(records)
    batch = encode_batch([b''] * len(deltas), timestamp=base, max_timestamp=base + max(deltas), attributes=codec,
                         records=records)
    result = kafka.only_partition(connection.call(kafka.PRODUCE, 7, kafka.produce(topic, {0: batch})))
    assert result['error'] == 0, result


def found(connection, topic, timestamp, version=7):
    part = kafka.only_partition(connection.call(kafka.LIST_OFFSETS, version, kafka.list_offsets(topic, {0: timestamp})))
    assert part['error'] == 0, part
    return part['offset'], part['timestamp']


@cases.case('uncompressed', 0)
@cases.case('gzip', 1)
def by_time(bystander, name, codec):
    """A time finds the first record at or after it, though records are out of order in time,"""
    topic = f'times-{name}'
    with bystander.server.connect() as connection:
        connection.call(kafka.METADATA, 4, kafka.metadata([topic]))
        times = []
        for base, deltas in ((0, (0, 10, 20, 30)), (40, (5, 0, 50, 1)), (1000, (0, 0, 7, 3))):
            produce(connection, topic, deltas, _BASE + base, codec)
            times += [_BASE + base + delta for delta in deltas]
        for wanted in sorted({time + step for time in times for step in (-1, 0, 1)}):
            expected = next(((offset, time) for offset, time in enumerate(times) if time >= wanted), (-1, -1))
            assert found(connection, topic, wanted) == expected, (wanted - _BASE, expected)
        assert found(connection, topic, -3) == (times.index(max(times)), max(times))
    bystander.check()


if __name__ == '__main__':
    sys.exit(cases.main())
