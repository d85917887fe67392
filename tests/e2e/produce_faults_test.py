"""Every way in which a Produce request can be wrong gets its error code, changes nothing, and harms nobody else."""
import random
import struct
import sys
import time

import kafka_messages as kafka
from cases import Cases
from healthy import bystander
from kafka_wire import WireError, crc32c, decode_batches, encode_batch, encode_record, varint

cases = Cases(bystander)

_TOPIC = 'target'
_VALUES = [b'first', b'second', b'third']

# Kafka's codes.
_NONE, _CORRUPT_MESSAGE, _UNKNOWN_TOPIC, _MESSAGE_TOO_LARGE, _INVALID_REQUIRED_ACKS = 0, 2, 3, 10, 21
_INVALID_TIMESTAMP, _UNSUPPORTED_FOR_MESSAGE_FORMAT, _INVALID_TXN_STATE = 32, 43, 48
_UNSUPPORTED_COMPRESSION_TYPE, _INVALID_RECORD, _RECORD_LIST_TOO_LARGE = 76, 87, 18


def log_end(connection, topic=_TOPIC):
    result = kafka.only_partition(connection.call(kafka.LIST_OFFSETS, 5, kafka.list_offsets(topic, {0: -1})))
    assert result['error'] == 0, result
    return result['offset']


def produce_code(connection, batch, version=7, acks=-1, topic=_TOPIC, index=0, transactional_id=None):
    body = kafka.produce(topic, {index: batch}, acks, transactional_id)
    result = kafka.only_partition(connection.call(kafka.PRODUCE, version, body))
    assert result['error'] == 0 or result['base_offset'] == -1, result
    return result['error']


def is_refused(bystander, code, batch, options):
    with bystander.server.connect() as connection:
        connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC]))
        before = log_end(connection)
        found = produce_code(connection, batch() if callable(batch) else batch, **options)
        assert found == code, f'error {found}, not {code}'
        assert log_end(connection) == before, 'the log has grown'
        assert produce_code(connection, encode_batch(_VALUES)) == 0, 'the connection is of no use any more'
        assert log_end(connection) == before + len(_VALUES)
    bystander.check()


def refused(name, code, batch, **options):
    cases.add(f'{name}: {code}', is_refused, code, batch, options)


def records_batch(*records, count=None, **lies):
    """A batch with these encoded records and a true CRC."""
    count = len(records) if count is None else count
    return encode_batch([b''] * count, records=b''.join(records), **lies)


def raw_record(body, length=None):
    """A record with any body, and a length that may lie."""
    return varint(len(body) if length is None else length) + body


def record_body(index=0, key_length=-1, value=b'value', value_length=None, tail=varint(0)):
    value_length = len(value) if value_length is None else value_length
    return b'\0' + varint(0) + varint(index) + varint(key_length) + varint(value_length) + value + tail


_GOOD = encode_batch(_VALUES)


def with_bytes(at, form, value):
    """A good batch with one field of its header replaced; its CRC does not cover the first 21 bytes."""
    changed = bytearray(_GOOD)
    struct.pack_into('>' + form, changed, at, value)
    return bytes(changed)


# The frame of the batch.
for length in (-(1 << 31), -1, 0, 10, 48, len(_GOOD) - 12 + 1, 1 << 20, (1 << 31) - 1):
    refused(f'batch length {length}', _CORRUPT_MESSAGE, with_bytes(8, 'i', length))
refused('batch length one too short', _CORRUPT_MESSAGE, with_bytes(8, 'i', len(_GOOD) - 13))
for cut in (1, 11, 12, 16, 17, 60, 61, len(_GOOD) - 1):
    refused(f'only {cut} bytes of a batch', _CORRUPT_MESSAGE, _GOOD[:cut])
for magic, code in ((0, _UNSUPPORTED_FOR_MESSAGE_FORMAT), (1, _UNSUPPORTED_FOR_MESSAGE_FORMAT), (3, _CORRUPT_MESSAGE),
                    (127, _CORRUPT_MESSAGE), (-1, _CORRUPT_MESSAGE)):
    refused(f'magic {magic}', code, with_bytes(16, 'b', magic))
refused('a wrong CRC', _CORRUPT_MESSAGE, with_bytes(17, 'I', crc32c(_GOOD[21:]) ^ 1))
refused('one bit of the records flipped', _CORRUPT_MESSAGE, _GOOD[:-3] + bytes([_GOOD[-3] ^ 4]) + _GOOD[-2:])
for version in (3, 4, 5, 6, 8, 9, 10, 12):
    refused(f'a wrong CRC in version {version}', _CORRUPT_MESSAGE, with_bytes(17, 'I', 0), version=version)
refused('no batch', _INVALID_RECORD, b'')
refused('null for a batch', _INVALID_RECORD, None)
refused('two batches', _INVALID_RECORD, _GOOD + _GOOD)
refused('a batch and something', _INVALID_RECORD, _GOOD + b'x')
refused('a batch above the largest', _MESSAGE_TOO_LARGE, lambda: encode_batch([bytes(1_100_000)]))
refused('a batch far above the largest', _MESSAGE_TOO_LARGE, lambda: encode_batch([bytes(9_000_000)]))

# The rest of its header, with a true CRC.
for base_offset in (1, 1 << 40, -1):
    refused(f'base offset {base_offset}', _INVALID_RECORD, encode_batch(_VALUES, base_offset=base_offset))
for delta in (-1, 1, 3, (1 << 31) - 1, -(1 << 31)):
    refused(f'last offset delta {delta} of three', _INVALID_RECORD, encode_batch(_VALUES, last_offset_delta=delta))
for count in (-1, 0, 2, 4, 1 << 30, (1 << 31) - 1):
    refused(f'record count {count} of three', _INVALID_RECORD, encode_batch(_VALUES, record_count=count))
    refused(f'record count {count} of three, last offset delta to match', _INVALID_RECORD,
            encode_batch(_VALUES, record_count=count, last_offset_delta=count - 1))
refused('a control batch', _INVALID_RECORD, encode_batch(_VALUES, attributes=0x20))
refused('a transactional control batch', _INVALID_RECORD, encode_batch(_VALUES, attributes=0x30))
for bit in (0x40, 0x80, 0x100, 0x4000, -0x8000):
    refused(f'reserved attribute {bit:#x}', _INVALID_RECORD, encode_batch(_VALUES, attributes=bit))
refused('a claim of LogAppendTime', _INVALID_TIMESTAMP, encode_batch(_VALUES, attributes=0x08))
for codec in (5, 6, 7):
    refused(f'codec {codec}', _UNSUPPORTED_COMPRESSION_TYPE, encode_batch(_VALUES, attributes=codec))
for version in (3, 6):
    refused(f'zstd in version {version}', _UNSUPPORTED_COMPRESSION_TYPE, encode_batch(_VALUES, attributes=4),
            version=version)
refused('a transactional batch', _INVALID_TXN_STATE,
        encode_batch(_VALUES, attributes=0x10, producer_id=5, producer_epoch=0, base_sequence=0))
refused('a transactional id', _INVALID_TXN_STATE, _GOOD, transactional_id='mine')
refused('a timestamp before 1970', _INVALID_TIMESTAMP, encode_batch(_VALUES, timestamp=-5))

# Its records, with a true CRC.
for name, length in (('one too long', 1), ('one too short', -1)):
    body = record_body()
    refused(f'a record length {name}', _INVALID_RECORD, records_batch(raw_record(body, len(body) + length)))
for length in (-1, 0, 1, 1 << 20, (1 << 31) - 1, -(1 << 31)):
    refused(f'a record length of {length}', _INVALID_RECORD, records_batch(raw_record(record_body(), length)))
for first, second in ((0, 0), (1, 0), (0, 2), (1, 2), (0, -1)):
    refused(f'offset deltas {first}, {second}', _INVALID_RECORD,
            records_batch(raw_record(record_body(first)), raw_record(record_body(second))))
for count in (-1, 1, 1 << 30):
    refused(f'{count} headers of none', _INVALID_RECORD, records_batch(raw_record(record_body(tail=varint(count)))))
refused('a null header key', _INVALID_RECORD,
        records_batch(raw_record(record_body(tail=varint(1) + varint(-1) + varint(-1)))))
refused('a header value past the record', _INVALID_RECORD,
        records_batch(raw_record(record_body(tail=varint(1) + varint(1) + b'k' + varint(50)))))
refused('bytes after the headers', _INVALID_RECORD, records_batch(raw_record(record_body(tail=varint(0) + b'x'))))
refused('a key length of -2', _INVALID_RECORD, records_batch(raw_record(record_body(key_length=-2))))
refused('a key past the record', _INVALID_RECORD, records_batch(raw_record(record_body(key_length=1000))))
for length in (-2, 6, 1 << 30, -(1 << 31)):
    refused(f'a value length of {length} of 5', _INVALID_RECORD,
            records_batch(raw_record(record_body(value_length=length))))
refused('an integer of eleven bytes', _CORRUPT_MESSAGE,
        records_batch(raw_record(b'\0' + b'\x80' * 11 + b'\0' + record_body()[2:])))
refused('a length of more than 32 bits', _CORRUPT_MESSAGE, records_batch(b'\xff\xff\xff\xff\x7f' + record_body()))
refused('bytes after the records', _INVALID_RECORD, records_batch(raw_record(record_body()), b'more', count=1))

# What is around the batch.
for acks in (-2, 2, 100, -32768):
    refused(f'acks {acks}', _INVALID_REQUIRED_ACKS, _GOOD, acks=acks)
for index in (-1, 1, (1 << 31) - 1):
    refused(f'partition {index} of one', _UNKNOWN_TOPIC, _GOOD, index=index)
for topic in ('nowhere', '', '../target', 'x' * 300):
    refused(f'topic {topic[:20]!r}', _UNKNOWN_TOPIC, _GOOD, topic=topic)


@cases.case()
def legal_curiosities(bystander):
    """What is unusual and legal is taken and comes back"""
    records = [encode_record(0, None), encode_record(1, b'', b''), encode_record(2, b'v', b'k', [(b'', None)]),
               encode_record(3, b'v', None, [(b'a', b'1'), (b'a', b'2')], timestamp_delta=-50)]
    with bystander.server.connect() as connection:
        connection.call(kafka.METADATA, 4, kafka.metadata(['curious']))
        before = int(time.time() * 1000)
        batch = records_batch(*records, timestamp=before, max_timestamp=before + 1_000_000)  # a lie that does no harm
        for version in range(3, 13):
            assert produce_code(connection, batch, version, acks=1, topic='curious') == 0
        answer = connection.call(kafka.FETCH, 11, kafka.fetch('curious', {0: 0}))
        found = decode_batches(kafka.only_partition(answer)['records'])
    assert [record.offset for record in found] == list(range(40))
    for round_begin in range(0, 40, 4):
        null, empty, headed, earlier = found[round_begin:round_begin + 4]
        assert (null.key, null.value, null.headers) == (None, None, [])
        assert (empty.key, empty.value) == (b'', b'')
        assert (headed.key, headed.headers) == (b'k', [(b'', None)])
        assert (earlier.headers, earlier.timestamp) == ([(b'a', b'1'), (b'a', b'2')], before - 50)
    bystander.check()


@cases.case()
def larger_than_a_file(bystander):
    """A batch that fits no file of its topic is refused: 18"""
    with bystander.server.connect() as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('tiny', configs={'segment.bytes': '1000'}))
        assert produce_code(connection, encode_batch([bytes(2000)]), topic='tiny') == _RECORD_LIST_TOO_LARGE
        assert produce_code(connection, encode_batch([bytes(900)]), topic='tiny') == 0
    bystander.check()


@cases.case()
def good_beside_bad(bystander):
    """A bad batch keeps no good one of the same request from its log"""
    with bystander.server.connect() as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('mixed', partitions=4))
        answer = connection.call(kafka.PRODUCE, 8, kafka.produce('mixed', {
            0: _GOOD, 1: with_bytes(17, 'I', 0), 2: _GOOD + _GOOD, 3: _GOOD, 4: _GOOD}))
        results = [(part['error'], part['base_offset']) for part in answer['topics'][0]['partitions']]
        assert results == [(_NONE, 0), (_CORRUPT_MESSAGE, -1), (_INVALID_RECORD, -1), (_NONE, 0),
                           (_UNKNOWN_TOPIC, -1)], results
    bystander.check()


@cases.case()
def without_acknowledgement(bystander):
    """With acks 0 nothing is answered, and what is refused ends the connection"""
    with bystander.server.connect() as connection:
        connection.call(kafka.METADATA, 4, kafka.metadata(['unheard']))
        for _ in range(10):
            connection.send(kafka.PRODUCE, 7, kafka.produce('unheard', {0: _GOOD}, acks=0), answered=False)
        assert log_end(connection, 'unheard') == 30  # and this answer is the first to come
        connection.send(kafka.PRODUCE, 7, kafka.produce('unheard', {0: _GOOD[:-1]}, acks=0), answered=False)
        assert connection.ended()
    bystander.check()


@cases.case()
def random_damage(bystander):
    """A thousand Produce requests with random damage are refused or taken, and nobody is harmed"""
    chance = random.Random(7)
    refusals = ends = 0
    connection = bystander.server.connect()
    connection.call(kafka.METADATA, 4, kafka.metadata(['damaged']))
    for number in range(1000):
        version = chance.randint(3, 12)
        frame = bytearray(connection.frame(kafka.PRODUCE, version, kafka.produce('damaged', {0: encode_batch(_VALUES)})))
        for _ in range(chance.randint(1, 3)):
            frame[chance.randrange(8, len(frame))] = chance.randrange(256)
        # A second request behind it, so that an answer comes even if the damage says acks 0.
        connection.socket.sendall(frame + connection.frame(kafka.API_VERSIONS, 0, {}))
        try:
            answers = [connection.receive_frame()]
            while struct.unpack_from('>i', answers[-1])[0] != connection.correlation:
                answers.append(connection.receive_frame())
            refusals += len(answers) == 2
        except (WireError, ConnectionError):
            ends += 1
            connection.close()
            connection = bystander.server.connect()
        if number % 100 == 0:
            bystander.check()
    connection.close()
    bystander.check()
    assert refusals > 100 and ends > 100, (refusals, ends)


if __name__ == '__main__':
    sys.exit(cases.main())
