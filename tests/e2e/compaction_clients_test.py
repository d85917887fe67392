"""Compacted topics as librdkafka's consumers see them, and the groups' own topic, which is one."""
import random
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches
from server import running_server

cases = Cases()

_OFTEN = ['--log.cleaner.backoff.ms=50', '--log.retention.check.interval.ms=100']
_COORDINATOR_LOADS = 14
_SMALL = {'segment.bytes': '20000', 'segment.ms': '500', 'min.cleanable.dirty.ratio': '0'}


def new_topic(server, name, **configs):
    admin = AdminClient({'bootstrap.servers': server.address()})
    configs = {'cleanup.policy': 'compact', **_SMALL, **{key.replace('_', '.'): value for key, value in configs.items()}}
    for future in admin.create_topics([NewTopic(name, 1, 1, config=configs)]).values():
        future.result(20)


def produce(server, topic, records, **config):
    producer = Producer({'bootstrap.servers': server.address(), 'linger.ms': 5, 'batch.num.messages': 20, **config})
    for key, value in records:
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(30) == 0


def consume_to_end(server, topic, offset=OFFSET_BEGINNING):
    """(offset, key, value) of all there is from an offset on, and where the consumer was told that it ends."""
    consumer = Consumer({'bootstrap.servers': server.address(), 'group.id': 'unused', 'enable.auto.commit': False,
                         'enable.partition.eof': True, 'fetch.wait.max.ms': 20, 'fetch.error.backoff.ms': 20})
    try:
        consumer.assign([TopicPartition(topic, 0, offset)])
        found = []
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                return found, message.offset()
            found.append((message.offset(), message.key(), message.value()))
        raise AssertionError(f'{len(found)} records, and no end')
    finally:
        consumer.close()


def wait_for(look, wanted, patience_s=30):
    deadline = time.monotonic() + patience_s
    while (found := look()) != wanted:
        assert time.monotonic() < deadline, f'{found} instead of {wanted}'
        time.sleep(0.1)


@cases.case('none')
@cases.case('gzip')
@cases.case('zstd')
def a_table(programs, codec):
    """A consumer finds the last value of each key, no deleted key, and its way past what is gone; codec"""
    chance = random.Random(codec)
    sent = [(b'key%d' % chance.randrange(20), b'%d ' % number + b'x' * 90) for number in range(2000)]
    sent += [(b'key%d' % number, None) for number in range(5)] + [(b'last', b'1')]
    table = {key: (offset, key, value) for offset, (key, value) in enumerate(sent)}
    left = sorted(record for record in table.values() if record[2] is not None)
    with running_server(programs, options=_OFTEN) as server:
        new_topic(server, 'table', delete_retention_ms='300')
        produce(server, 'table', sent, **{'compression.type': codec})
        wait_for(lambda: consume_to_end(server, 'table')[0], left)
        server.kill()
        server.start()
        # To an offset that is there, to one that is not, and to one that is gone with all behind it up to the next.
        for offset in (left[3][0], left[3][0] + 1, 0, left[-1][0] - 1):
            found, end = consume_to_end(server, 'table', offset)
            assert found == [record for record in left if record[0] >= offset], f'from {offset}: {found}'
            assert end == len(sent)


@cases.case()
def a_deleted_key_at_the_end(programs):
    """A consumer reaches the end of a log whose last record is a tombstone; the tombstone goes when more has come"""
    with running_server(programs, options=_OFTEN) as server:
        new_topic(server, 'table', delete_retention_ms='0')
        produce(server, 'table', [(b'a', b'1'), (b'b', b'2'), (b'a', None), (b'b', None)])
        wait_for(lambda: consume_to_end(server, 'table'), ([(3, b'b', None)], 4))
        produce(server, 'table', [(b'c', b'3')])
        wait_for(lambda: consume_to_end(server, 'table'), ([(4, b'c', b'3')], 5))


@cases.case()
def a_record_without_a_key(programs):
    """A producer is told that a compacted topic takes no record without a key, and goes on with those that have one"""
    told = {}

    def on_delivery(error, message):
        told[message.value()] = error and error.code()

    with running_server(programs, options=_OFTEN) as server:
        new_topic(server, 'table')
        new_topic(server, 'plain', cleanup_policy='delete')
        for config in ({'enable.idempotence': False}, {'enable.idempotence': False, 'compression.type': 'lz4'}):
            producer = Producer({'bootstrap.servers': server.address(), 'linger.ms': 0, **config})
            for sent in ([('table', None, b'without'), ('plain', None, b'plain')], [('table', b'', b'empty')],
                         [('table', b'a', b'with')]):
                for topic, key, value in sent:
                    producer.produce(topic, value, key, on_delivery=on_delivery)
                assert producer.flush(30) == 0
            assert told == {b'without': KafkaError.INVALID_RECORD, b'plain': None, b'empty': None, b'with': None}, told
        found, end = consume_to_end(server, 'table')
        assert {value for _, _, value in found} == {b'empty', b'with'} and end == 4, (found, end)


def stored_records(server, topic, partition):
    with server.connect() as connection:
        answer = connection.call(kafka.FETCH, 11, kafka.fetch(topic, {partition: 0}))
        return decode_batches(kafka.only_partition(answer)['records'] or b'')


def fetched_offset(server, group):
    """The group's, when its coordinator has read what there is."""
    deadline = time.monotonic() + 30
    with server.connect() as connection:
        while True:
            answer = connection.call(groups.OFFSET_FETCH, 5, groups.offset_fetch(group, 'topic', [0]))
            if answer['error'] != _COORDINATOR_LOADS or time.monotonic() > deadline:
                break
            time.sleep(0.02)
    assert answer['error'] == 0, answer
    return answer['topics'][0]['partitions'][0]['offset']


@cases.case()
def group_offsets(programs):
    """The groups' topic is compacted, and each group's last offsets are there after that and kill -9"""
    options = [*_OFTEN, '--offsets.topic.num.partitions=1']
    with running_server(programs, options=options) as server:
        new_topic(server, 'topic', cleanup_policy='delete')
        with server.connect() as connection:
            def commit(group, offset):
                answer = connection.call(groups.OFFSET_COMMIT, 7, groups.offset_commit(group, 'topic', {0: offset}))
                assert answer['topics'][0]['partitions'][0]['error'] == 0, answer

            commit('other', 7)
            admin = AdminClient({'bootstrap.servers': server.address()})
            resource = ConfigResource('topic', '__consumer_offsets')
            assert admin.describe_configs([resource])[resource].result(20)['cleanup.policy'].value == 'compact'
            admin.alter_configs([ConfigResource('topic', '__consumer_offsets', {'cleanup.policy': 'compact', **_SMALL})])[
                resource].result(20)
            for offset in range(1500):
                commit('busy', offset)
        wait_for(lambda: len(stored_records(server, '__consumer_offsets', 0)) < 200, True)
        note(f"{len(stored_records(server, '__consumer_offsets', 0))} records are left of 1501")
        for _ in range(2):
            server.kill()
            server.start()
            assert (fetched_offset(server, 'busy'), fetched_offset(server, 'other')) == (1499, 7)


if __name__ == '__main__':
    sys.exit(cases.main())
