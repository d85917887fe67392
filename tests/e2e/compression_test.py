"""Compressed batches: every codec and framing is taken, read back and repacked; what lies inside is checked as in plain
batches; bombs and broken streams are refused and cost nothing."""
import random
import struct
import sys
import time

from confluent_kafka import TopicPartition

import kafka_messages as kafka
import record_codecs as codecs
from cases import Cases
from healthy import bystander
from kafka_wire import crc32c, decode_batches, encode_batch, encode_record
from librdkafka_test import assert_same, consume, new_topic, produce_all

cases = Cases(bystander)

_CORRUPT_MESSAGE, _MESSAGE_TOO_LARGE, _INVALID_TIMESTAMP, _UNSUPPORTED_COMPRESSION_TYPE, _INVALID_RECORD = 2, 10, 32, 76, 87
_CONFIG_OF = {codec: {'compression.type': name} for codec, name in codecs.NAMES.items()}
_LIMIT = 1_048_588


def plain_records(count=200):
    chance = random.Random(11)
    return b''.join(encode_record(i, b'a line that says little, number %d' % i * chance.randint(1, 5),
                                  b'key %d' % (i % 7) if i % 3 else None, [(b'h', b'%d' % i)] if i % 5 == 0 else ())
                    for i in range(count))


def packed_batch(codec, block, count, attributes=0, **lies):
    return encode_batch([b''] * count, attributes=codec | attributes, records=block, **lies)


def create(connection, topic, **configs):
    """`configs` with _ for the dots."""
    configs = {key.replace('_', '.'): value for key, value in configs.items()}
    answer = connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(topic, configs=configs))
    assert answer['topics'][0]['error'] in (0, 36), answer


def produce(connection, topic, batch, version=8, acks=-1):
    return kafka.only_partition(connection.call(kafka.PRODUCE, version, kafka.produce(topic, {0: batch}, acks)))


def stored(connection, topic, offset=0):
    answer = kafka.only_partition(connection.call(kafka.FETCH, 11, kafka.fetch(topic, {0: offset})))
    assert answer['error'] == 0, answer
    return answer['records']


def header_of(batch):
    """Of one whole batch: attributes, and what follows them."""
    (length,) = struct.unpack_from('>i', batch, 8)
    assert length + 12 == len(batch), 'not one batch'
    assert struct.unpack_from('>I', batch, 17)[0] == crc32c(batch[21:])
    return struct.unpack_from('>hiqqqhii', batch, 21)


@cases.case()
def kept_as_it_came(bystander):
    """With compression.type producer every framing is kept to the byte"""
    plain = plain_records()
    with bystander.server.connect() as connection:
        create(connection, 'kept')
        for number, (name, codec, pack) in enumerate(codecs.FRAMINGS):
            batch = packed_batch(codec, pack(plain), 200)
            result = produce(connection, 'kept', batch)
            assert (result['error'], result['base_offset']) == (0, 200 * number), (name, result)
            assert stored(connection, 'kept', 200 * number)[16:] == batch[16:], name
        for name, codec, pack in (('gzip in members', codecs.GZIP, codecs.gzip), ('zstd in frames', codecs.ZSTD, codecs.zstd),
                                  ('xerial in streams', codecs.SNAPPY, codecs.snappy_xerial)):
            batch = packed_batch(codec, pack(plain[:1000]) + pack(plain[1000:]), 200)
            assert produce(connection, 'kept', batch)['error'] == 0, name
        # As java's producer writes at its highest levels.
        wide = packed_batch(codecs.ZSTD, codecs.zstd(plain, window=b'\x88'), 200)
        assert produce(connection, 'kept', wide)['error'] == 0
    bystander.check()


def repack(bystander, target):
    """Batches of every framing are kept in a topic's own codec, the same records with the same header,"""
    plain = plain_records()
    expected = decode_batches(encode_batch([b''] * 200, timestamp=1000, records=plain))
    topic = f'in-{codecs.NAMES[target]}'
    with bystander.server.connect() as connection:
        create(connection, topic, **_CONFIG_OF[target])
        framings = (('plain', 0, bytes),) + codecs.FRAMINGS
        for number, (name, codec, pack) in enumerate(framings):
            batch = packed_batch(codec, pack(plain), 200, timestamp=1000)
            result = produce(connection, topic, batch)
            assert (result['error'], result['base_offset']) == (0, 200 * number), (name, result)
            kept = stored(connection, topic, 200 * number)
            assert struct.unpack_from('>q', kept)[0] == 200 * number
            came = header_of(batch)
            assert header_of(kept) == (target,) + came[1:], (name, header_of(kept), came)
            if codec == target:
                assert kept[16:] == batch[16:], name
            elif target != codecs.ZSTD:
                found = decode_batches(kept)
                assert [record[1:] for record in map(as_tuple, found)] == [record[1:] for record in map(as_tuple, expected)]
    found = consume(bystander.server, [TopicPartition(topic, 0, 0)], 200 * len(framings))
    assert [message.offset() for message in found] == list(range(200 * len(framings)))
    for message in found:
        record = expected[message.offset() % 200]
        assert (message.value(), message.key()) == (record.value, record.key), (topic, message.offset())
        assert message.timestamp()[1] == record.timestamp
        assert [value for _, value in message.headers() or []] == [value for _, value in record.headers]
    bystander.check()


def as_tuple(record):
    return record.offset, record.timestamp, record.key, record.value, tuple(record.headers)


for target, name in codecs.NAMES.items():
    cases.add(f'{repack.__doc__} {name}', repack, target)


def is_refused(bystander, code, batch):
    with bystander.server.connect() as connection:
        create(connection, 'target')
        end = produce(connection, 'target', encode_batch([b'before']))['base_offset']
        result = produce(connection, 'target', batch())
        assert result['error'] == code, f'{result}, not {code}'
        assert result['base_offset'] == -1 and result['error_message'], result
        assert produce(connection, 'target', encode_batch([b'behind']))['base_offset'] == end + 1
    bystander.check()


def refused(name, code, batch):
    cases.add(f'{name}: {code}', is_refused, code, batch)


_BUDGET = 8 * _LIMIT
for name, codec, bomb in (('gzip', codecs.GZIP, lambda size: codecs.gzip(bytes(size), 9)),
                          ('snappy', codecs.SNAPPY, codecs.snappy_bomb), ('lz4', codecs.LZ4, codecs.lz4_bomb),
                          ('zstd', codecs.ZSTD, codecs.zstd_bomb)):
    refused(f'a bomb of {name}', _INVALID_RECORD, lambda codec=codec, bomb=bomb: packed_batch(codec, bomb(_BUDGET + 1), 1))
refused('a bomb of gigabytes', _INVALID_RECORD, lambda: packed_batch(codecs.ZSTD, codecs.zstd_bomb(16 << 30), 1))
refused('a bomb in framed blocks', _INVALID_RECORD, lambda: packed_batch(codecs.SNAPPY, codecs.XERIAL_HEADER + b''.join(
    struct.pack('>i', len(block)) + block for block in [codecs.snappy_bomb(1 << 20)] * 9), 1))
refused('a zstd window of 2 GiB', _INVALID_RECORD,
        lambda: packed_batch(codecs.ZSTD, codecs.zstd(plain_records(3), window=b'\xa8'), 3))
refused('a snappy length of 4 GiB', _INVALID_RECORD,
        lambda: packed_batch(codecs.SNAPPY, b'\xff\xff\xff\xff\x0f' + b'\0a', 1))
refused('a snappy length that lies', _CORRUPT_MESSAGE, lambda: packed_batch(codecs.SNAPPY, b'\x80\x80\x40' + b'\0a', 1))
refused('an lz4 header with a wrong checksum', _CORRUPT_MESSAGE, lambda: packed_batch(
    codecs.LZ4, codecs.lz4_header()[:-1] + b'\0' + codecs.lz4(plain_records(3))[7:], 3))
refused('lz4 blocks that need each other', _CORRUPT_MESSAGE, lambda: packed_batch(
    codecs.LZ4, codecs.lz4_header(flags=0x40) + codecs.lz4(plain_records(3))[7:], 3))
for name, codec, pack in codecs.FRAMINGS:
    refused(f'{name}: a stream cut short', _CORRUPT_MESSAGE,
            lambda codec=codec, pack=pack: packed_batch(codec, pack(plain_records(3))[:-1], 3))
    refused(f'{name}: bytes behind the stream', _CORRUPT_MESSAGE,
            lambda codec=codec, pack=pack: packed_batch(codec, pack(plain_records(3)) + b'more', 3))
    refused(f'{name}: no stream at all', _CORRUPT_MESSAGE, lambda codec=codec: packed_batch(codec, bytes(100), 3))
    refused(f'{name}: nothing', _CORRUPT_MESSAGE, lambda codec=codec: packed_batch(codec, b'', 3))
    refused(f'{name}: a stream in a stream', _INVALID_RECORD,
            lambda codec=codec, pack=pack: packed_batch(codec, pack(b'\x7e' + pack(plain_records(3))), 3))
    refused(f'{name}: one record less than the count', _INVALID_RECORD,
            lambda codec=codec, pack=pack: packed_batch(codec, pack(plain_records(3)), 4))
    refused(f'{name}: one record more', _INVALID_RECORD,
            lambda codec=codec, pack=pack: packed_batch(codec, pack(plain_records(3)), 2))
    refused(f'{name}: a count that no bytes could hold', _INVALID_RECORD,
            lambda codec=codec, pack=pack: packed_batch(codec, pack(plain_records(3)), 3, record_count=1 << 30,
                                                        last_offset_delta=(1 << 30) - 1))
    refused(f'{name}: offset deltas 1 and 0', _INVALID_RECORD, lambda codec=codec, pack=pack: packed_batch(
        codec, pack(encode_record(1, b'') + encode_record(0, b'')), 2))
    refused(f'{name}: a number of eleven bytes', _CORRUPT_MESSAGE, lambda codec=codec, pack=pack: packed_batch(
        codec, pack(b'\x30\0' + b'\x80' * 11 + bytes(12)), 1))
    refused(f'{name}: a time before 1970', _INVALID_TIMESTAMP, lambda codec=codec, pack=pack: packed_batch(
        codec, pack(encode_record(0, b'', timestamp_delta=-5000)), 1, timestamp=1000))


@cases.case()
def unchecked(bystander):
    """penstock.check.compressed false takes any bytes, and is not in the way of compression.type"""
    batch = packed_batch(codecs.LZ4, b'no stream at all', 3)
    with bystander.server.connect() as connection:
        create(connection, 'unchecked', penstock_check_compressed='false')
        result = produce(connection, 'unchecked', batch)
        assert (result['error'], result['base_offset']) == (0, 0), result
        assert stored(connection, 'unchecked')[16:] == batch[16:]
        assert produce(connection, 'unchecked', packed_batch(codecs.LZ4, b'', 3, crc=1))['error'] == _CORRUPT_MESSAGE
        create(connection, 'repacked', penstock_check_compressed='false', compression_type='gzip')
        assert produce(connection, 'repacked', batch)['error'] == _CORRUPT_MESSAGE
    bystander.check()


@cases.case()
def size_limits(bystander):
    """max.message.bytes holds for a batch as it comes, and as it is kept"""
    plain = encode_record(0, bytes(5000))
    with bystander.server.connect() as connection:
        create(connection, 'small', max_message_bytes='1000', compression_type='gzip')
        assert produce(connection, 'small', packed_batch(0, plain, 1))['error'] == _MESSAGE_TOO_LARGE
        assert produce(connection, 'small', packed_batch(codecs.ZSTD, codecs.zstd_bomb(100), 1))['error'] != _MESSAGE_TOO_LARGE
        assert produce(connection, 'small', packed_batch(codecs.GZIP, codecs.gzip(plain), 1))['error'] == 0
        create(connection, 'unpacked', max_message_bytes='1000', compression_type='uncompressed')
        result = produce(connection, 'unpacked', packed_batch(codecs.GZIP, codecs.gzip(plain), 1))
        assert result['error'] == _MESSAGE_TOO_LARGE, result
        answer = connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(
            'huge', configs={'max.message.bytes': str((4 << 20) - (16 << 10) + 1)}))
        assert answer['topics'][0]['error'] == 40 and '4177920' in answer['topics'][0]['error_message'], answer
    bystander.check()


@cases.case()
def levels(bystander):
    """compression.gzip.level and compression.zstd.level do what they say"""
    chance = random.Random(3)
    plain = b''.join(encode_record(i, b'number %x, of many that look like it' % chance.getrandbits(100)) for i in range(2000))
    sizes = {}
    with bystander.server.connect() as connection:
        for name, level in (('gzip', 1), ('gzip', 9), ('zstd', -1000), ('zstd', 19), ('lz4', 1), ('lz4', 12)):
            topic = f'{name}-level-{level}'
            create(connection, topic, **{'compression.type': name, f'compression.{name}.level': str(level)})
            assert produce(connection, topic, packed_batch(0, plain, 2000))['error'] == 0
            sizes[name, level] = len(stored(connection, topic))
    assert sizes['gzip', 9] < sizes['gzip', 1] and sizes['zstd', 19] < sizes['zstd', -1000], sizes
    assert sizes['lz4', 12] < sizes['lz4', 1] < len(plain), sizes
    bystander.check()


@cases.case()
def append_time(bystander):
    """LogAppendTime is in the header of compressed batches too, whatever their records say"""
    plain = plain_records()
    before = int(time.time() * 1000)
    with bystander.server.connect() as connection:
        for topic, configs in (('timed', {}), ('timed-and-repacked', {'compression_type': 'snappy'})):
            create(connection, topic, message_timestamp_type='LogAppendTime', message_timestamp_before_max_ms='10', **configs)
            result = produce(connection, topic, packed_batch(codecs.GZIP, codecs.gzip(plain), 200, timestamp=1000))
            assert result['error'] == 0 and result['log_append_time'] >= before, result
            attributes, _, _, largest, *_ = header_of(stored(connection, topic))
            assert attributes == 8 | (codecs.SNAPPY if configs else codecs.GZIP)
            assert largest == result['log_append_time']
            for message in consume(bystander.server, [TopicPartition(topic, 0, 0)], 200):
                assert message.timestamp() == (2, largest)  # 2: the time of append
    bystander.check()


@cases.case('plain', 0, bytes)
@cases.case('gzip', codecs.GZIP, codecs.gzip)
def record_times(bystander, name, codec, pack):
    """Records outside the topic's time range are named one by one, in batches that are"""
    now = int(time.time() * 1000)
    hour = 3_600_000
    topic = f'limited-{name}'

    def batch_of(*ages):
        return packed_batch(codec, pack(b''.join(encode_record(i, b'', timestamp_delta=-age) for i, age in enumerate(ages))),
                            len(ages), timestamp=now, max_timestamp=now)

    with bystander.server.connect() as connection:
        create(connection, topic, message_timestamp_before_max_ms=str(hour), message_timestamp_after_max_ms=str(hour))
        for version in (7, 8, 9):
            result = produce(connection, topic, batch_of(0, 2 * hour, -2 * hour, hour - 60_000), version)
            assert (result['error'], result['base_offset']) == (_INVALID_TIMESTAMP, -1), result
            if version >= 8:
                assert [error['index'] for error in result['record_errors']] == [1, 2], result
                assert str(now - 2 * hour) in result['record_errors'][0]['message'], result
                assert '2 of the batch\'s 4 records' in result['error_message'], result
        result = produce(connection, topic, batch_of(0, hour - 60_000, 60_000 - hour))
        assert (result['error'], result['base_offset']) == (0, 0), result
        assert produce(connection, topic, packed_batch(codec, pack(encode_record(0, b'')), 1, timestamp=-1))['error'] == 0
        result = produce(connection, topic, batch_of(*[2 * hour] * 5000))
        assert len(result['record_errors']) == 1000 and '5000 of' in result['error_message']
        # Kafka's limit where nobody sets one: an hour ahead, and any time back.
        create(connection, topic + '-default')
        assert produce(connection, topic + '-default', batch_of(0, -2 * hour))['error'] == _INVALID_TIMESTAMP
        assert produce(connection, topic + '-default', batch_of(0, now - 5, 60_000 - hour))['error'] == 0
    bystander.check()


@cases.case()
def order(bystander):
    """Requests in one burst keep their order, however long some of them take to look at"""
    large = codecs.gzip(encode_record(0, bytes(700_000)))
    with bystander.server.connect() as connection:
        create(connection, 'ordered', compression_type='lz4')
        for number in range(60):
            batch = (packed_batch(codecs.GZIP, large, 1) if number % 3 == 0 else
                     packed_batch(codecs.GZIP, codecs.gzip(encode_record(0, b'%d' % number)), 1) if number % 3 == 1 else
                     packed_batch(0, encode_record(0, b'%d' % number), 1))
            connection.send(kafka.PRODUCE, 8, kafka.produce('ordered', {0: batch}))
        offsets = [kafka.only_partition(connection.receive())['base_offset'] for _ in range(60)]
        assert offsets == list(range(60)), offsets
    found = consume(bystander.server, [TopicPartition('ordered', 0, 0)], 60)
    assert [len(message.value()) if number % 3 == 0 else message.value() for number, message in enumerate(found)] == [
        700_000 if number % 3 == 0 else b'%d' % number for number in range(60)]
    bystander.check()


@cases.case()
def real_client(bystander):
    """What librdkafka packs with each codec is read back from topics of each codec, equal"""
    chance = random.Random(4)
    messages = [{'value': b'line %d of a text that packs well enough ' % number * chance.randint(1, 4),
                 'timestamp': 1_600_000_000_000 + number, 'key': b'key %d' % (number % 7) if number % 2 else None,
                 'headers': [('name', b'%d' % number)] if number % 5 == 0 else []} for number in range(500)]
    for target in codecs.NAMES.values():
        topic = f'real-{target}'
        new_topic(bystander.server, topic, compression_type=target)
        for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
            produce_all(bystander.server, topic, messages, **{'compression.codec': codec, 'linger.ms': 20})
        for number, message in enumerate(consume(bystander.server, [TopicPartition(topic, 0, 0)], 2500)):
            assert_same(message, messages[number % 500])
    bystander.check()


if __name__ == '__main__':
    sys.exit(cases.main())
