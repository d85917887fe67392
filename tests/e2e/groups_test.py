"""Consumer groups as librdkafka's clients see them: members share partitions, keep their place, come and go."""
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cases import Cases, note
from server import running_server

cases = Cases()

_QUICK = ('--group.initial.rebalance.delay.ms=0', '--offsets.topic.num.partitions=8')
_SESSION_S = 6


def new_topic(server, name, partitions):
    admin = AdminClient({'bootstrap.servers': server.address()})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(20)


def produce(server, topic, values, partitions=1):
    producer = Producer({'bootstrap.servers': server.address()})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % partitions)
    assert producer.flush(30) == 0


class Member:
    """A consumer of a group, driven by poll()."""

    def __init__(self, server, topic, group='group', **config):
        self.revoked_count, self.lost_count = 0, 0
        self.consumer = Consumer({
            'bootstrap.servers': server.address(), 'group.id': group, 'auto.offset.reset': 'earliest',
            'enable.auto.commit': False, 'session.timeout.ms': _SESSION_S * 1000, 'heartbeat.interval.ms': 200, **config})
        self.consumer.subscribe([topic], on_revoke=self._revoked, on_lost=self._lost)
        self.values = []

    def _revoked(self, _, partitions):
        self.revoked_count += len(partitions)

    def _lost(self, _, partitions):
        self.lost_count += len(partitions)

    def poll(self, timeout_s=0.05):
        for message in self.consumer.consume(500, timeout=timeout_s):
            assert not message.error(), message.error()
            self.values.append(message.value())

    def owned(self):
        return {part.partition for part in self.consumer.assignment()}

    def close(self):
        self.consumer.close()


def wait_until(members, condition, patience_s=30):
    """Polls all members until `condition`. Returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience_s, [sorted(member.owned()) for member in members]
        for member in members:
            member.poll()
    return time.monotonic() - began


def all_owned(members, count):
    """Whether the partitions 0 to count - 1 are shared out, each to one member, and nobody has none."""
    parts = [member.owned() for member in members]
    return all(parts) and sum(map(len, parts)) == count and set().union(*parts) == set(range(count))


def committed(server, group, topic, partitions):
    consumer = Consumer({'bootstrap.servers': server.address(), 'group.id': group})
    try:
        found = consumer.committed([TopicPartition(topic, index) for index in range(partitions)], timeout=20)
        return [part.offset for part in found]
    finally:
        consumer.close()


@cases.case('uring')
@cases.case('threads')
def commit_and_resume(programs, io):
    """A lone member commits; the next one goes on from there, after kill -9 too, on"""
    with running_server(programs, io=io, options=_QUICK) as server:
        new_topic(server, 'topic', 1)
        produce(server, 'topic', [b'%d' % number for number in range(100)])
        first = Member(server, 'topic')
        wait_until([first], lambda: len(first.values) == 100)
        first.consumer.commit(offsets=[TopicPartition('topic', 0, 60)], asynchronous=False)
        first.close()
        second = Member(server, 'topic')
        wait_until([second], lambda: len(second.values) == 40)
        assert second.values[0] == b'60'
        second.consumer.commit(asynchronous=False)
        server.kill()
        server.start()
        produce(server, 'topic', [b'after'])
        wait_until([second], lambda: len(second.values) == 41)
        second.close()
        assert committed(server, 'group', 'topic', 1) == [100]
        third = Member(server, 'topic')
        wait_until([third], lambda: third.values)
        assert third.values == [b'after']
        third.close()


if __name__ == '__main__':
    sys.exit(cases.main())
