"""What librdkafka, the most used client, puts in comes back as it was: every codec, large binary messages, keys, headers,
timestamps; and a consumer finds its place by time."""
import os
import random
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cases import Cases, note
from server import running_server

cases = Cases()

_KEEP = ['--log.retention.ms=-1']  # records from years ago

_LARGEST_BATCH = 1_048_588  # max.message.bytes, unless the topic says otherwise
_AROUND_A_RECORD = 61 + 10 + 10  # the batch's header, and a lone record's lengths


def new_topic(server, name, partitions=1, **configs):
    admin = AdminClient({'bootstrap.servers': server.address()})
    configs = {key.replace('_', '.'): value for key, value in configs.items()}
    for future in admin.create_topics([NewTopic(name, partitions, 1, config=configs)]).values():
        future.result(20)


def produce_all(server, topic, messages, **config):
    """`messages`: dictionaries of produce()'s arguments. Returns (partition, offset) of each."""
    failures, places = [], {}

    def delivered(number):
        def note_it(error, message):
            if error:
                failures.append(error)
            else:
                places[number] = (message.partition(), message.offset())
        return note_it

    producer = Producer({'bootstrap.servers': server.address(), 'message.max.bytes': 8_000_000, **config})
    for number, message in enumerate(messages):
        while True:
            try:
                producer.produce(topic, on_delivery=delivered(number), **message)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0, 'not all was delivered'
    assert not failures, failures[:3]
    return [places[number] for number in range(len(messages))]


def consume(server, places, count, **config):
    """`count` messages from these TopicPartitions, each with its offset."""
    consumer = Consumer({'bootstrap.servers': server.address(), 'group.id': 'unused', 'enable.auto.commit': False,
                         'fetch.message.max.bytes': 8_000_000, **config})
    try:
        consumer.assign(places)
        found = []
        deadline = time.monotonic() + 60
        while len(found) < count:
            assert time.monotonic() < deadline, f'{len(found)} of {count} messages'
            for message in consumer.consume(count - len(found), timeout=1):
                assert not message.error(), message.error()
                found.append(message)
        return found
    finally:
        consumer.close()


def assert_same(message, sent):
    assert message.value() == sent['value'], f'offset {message.offset()} of partition {message.partition()} has changed'
    assert message.key() == sent.get('key')
    assert (message.headers() or []) == sent.get('headers', [])
    if 'timestamp' in sent:
        assert message.timestamp()[1] == sent['timestamp']


@cases.case('uring')
@cases.case('threads')
def largest_messages(programs, io):
    """Binary messages up to the largest that a topic takes come back after kill -9, on"""
    chance = random.Random(3)
    largest = _LARGEST_BATCH - _AROUND_A_RECORD
    sizes = [0, 1, 4095, 4096, 65535, 65536, 100_000, 524_288, largest - 1, largest] + [
        chance.randrange(largest) for _ in range(6)]
    messages = [{'value': chance.randbytes(size), 'key': b'%d' % size} for size in sizes]
    large = [{'value': chance.randbytes(4_000_000)}, {'value': chance.randbytes(3_999_999)}]
    with running_server(programs, io=io) as server:
        new_topic(server, 'binary')
        new_topic(server, 'larger', max_message_bytes='4100000')
        places = produce_all(server, 'binary', messages)
        assert [offset for _, offset in places] == list(range(len(messages)))
        produce_all(server, 'larger', large)
        server.kill()
        server.start()
        for message, sent in zip(consume(server, [TopicPartition('binary', 0, 0)], len(messages)), messages):
            assert_same(message, sent)
        for message, sent in zip(consume(server, [TopicPartition('larger', 0, 0)], len(large)), large):
            assert_same(message, sent)
    note(f'{sum(sizes) + 7_999_999} bytes')


@cases.case()
def too_large_is_told(programs):
    """A message above the topic's limit is refused, and the ones beside it are not"""
    with running_server(programs) as server:
        new_topic(server, 'limited', max_message_bytes='10000')
        errors = {}
        producer = Producer({'bootstrap.servers': server.address(), 'linger.ms': 0})
        for size in (100, 20_000, 200):
            producer.produce('limited', os.urandom(size), on_delivery=lambda error, _, size=size:
                             errors.__setitem__(size, error and error.name()))
            producer.flush(20)
        assert errors == {100: None, 20_000: 'MSG_SIZE_TOO_LARGE', 200: None}, errors


@cases.case('none')
@cases.case('gzip')
@cases.case('snappy')
@cases.case('lz4')
@cases.case('zstd')
def every_codec(programs, codec):
    """Keys, headers, timestamps and values over three partitions come back as sent with codec"""
    chance = random.Random(4)
    messages = []
    for number in range(5000):
        message = {'value': b'line %d of a text that compresses well enough ' % number * chance.randint(1, 4),
                   'partition': number % 3, 'timestamp': 1_600_000_000_000 + number}
        if number % 2:
            message['key'] = b'key %d' % (number % 7)
        if number % 5 == 0:
            message['headers'] = [('name', b'%d' % number), ('name', b'again'), ('empty', b'')]
        messages.append(message)
    with running_server(programs, options=_KEEP) as server:
        new_topic(server, 'coded', 3)
        places = produce_all(server, 'coded', messages, **{'compression.codec': codec, 'linger.ms': 50})
        by_place = dict(zip(places, messages))
        assert len(by_place) == len(messages)
        server.kill()
        server.start()
        wanted = [TopicPartition('coded', partition, 0) for partition in range(3)]
        found = consume(server, wanted, len(messages))
        for message in found:
            assert_same(message, by_place[message.partition(), message.offset()])
        # A consumer starts in the middle of a compressed batch, too.
        (middle,) = consume(server, [TopicPartition('coded', 1, 777)], 1)
        assert middle.offset() == 777
        assert_same(middle, by_place[1, 777])


@cases.case()
def place_by_time(programs):
    """A consumer starts at the first message of a time or later"""
    begin = 1_700_000_000_000
    messages = [{'value': b'%d' % number, 'timestamp': begin + 10 * (number // 2)} for number in range(3000)]
    with running_server(programs, options=_KEEP) as server:
        produce_all(server, 'timed', messages, **{'batch.num.messages': 100})
        consumer = Consumer({'bootstrap.servers': server.address(), 'group.id': 'unused'})
        try:
            for delta, offset in ((-10_000, 0), (0, 0), (1, 2), (10, 2), (5_005, 1002), (14_990, 2998)):
                (found,) = consumer.offsets_for_times([TopicPartition('timed', 0, begin + delta)], 20)
                assert found.offset == offset, f'{delta} ms after the first: {found.offset}, not {offset}'
            (found,) = consumer.offsets_for_times([TopicPartition('timed', 0, begin + 14_991)], 20)
            assert found.offset in (-1, 3000), f'after the last: {found.offset}'  # OFFSET_END, as the client shows it
            assert consumer.get_watermark_offsets(TopicPartition('timed', 0), 20) == (0, 3000)
        finally:
            consumer.close()
        (message,) = consume(server, [TopicPartition('timed', 0, 1002)], 1)
        assert message.value() == b'1002'


if __name__ == '__main__':
    sys.exit(cases.main())
