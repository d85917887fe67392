"""Consumer groups as librdkafka's clients see them: members share partitions, keep their place, come and go."""
import signal
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases, note
from server import running_server

cases = Cases()

_QUICK = ('--group.initial.rebalance.delay.ms=0', '--offsets.topic.num.partitions=8')
_SESSION_S = 6
# Of a member that outlives its server however slowly that starts: librdkafka comes back up to 10 s late by default, and takes
# itself for dead when its session is over by then.
_PATIENT = {'session.timeout.ms': 120_000, 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}
_COORDINATOR_LOADS = 14


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


def describe(server, group):
    """State, protocol and members of a group, as an administrator sees it."""
    deadline = time.monotonic() + 30
    with server.connect() as connection:
        body = {'groups': [group], 'include_operations': False}
        while True:
            (found,) = connection.call(groups.DESCRIBE_GROUPS, 4, body)['groups']
            if found['error'] != _COORDINATOR_LOADS or time.monotonic() > deadline:
                break
            time.sleep(0.02)
    assert found['error'] == 0, found
    return found


@cases.case('range')
@cases.case('roundrobin')
@cases.case('cooperative-sticky')
def members_come_and_go(programs, assignor):
    """Nine partitions are shared by one, two, three members and by those that are left, by the assignor"""
    config = {'partition.assignment.strategy': assignor}
    with running_server(programs, options=_QUICK) as server:
        new_topic(server, 'topic', 9)
        produce(server, 'topic', [b'%d' % number for number in range(900)], 9)
        members = []
        for count in (1, 2, 3):
            members.append(Member(server, 'topic', **config))
            wait_until(members, lambda: all_owned(members, 9))
        assert [len(member.owned()) for member in members] == [3, 3, 3]
        assert describe(server, 'group')['protocol_name'] == assignor
        if assignor == 'cooperative-sticky':  # each time only what the new member needs is taken away
            assert members[0].revoked_count == 6 and members[1].revoked_count <= 2, [
                member.revoked_count for member in members]
        wait_until(members, lambda: sum(len(set(member.values)) for member in members) >= 900)
        members.pop(0).close()
        took = wait_until(members, lambda: all_owned(members, 9))
        note(f'{took:.2f} s until two of three had all partitions')
        for member in members:
            member.close()
        assert describe(server, 'group')['state'] == 'Empty'


@cases.case()
def killed_member(programs):
    """Of three members one is killed: its partitions are consumed again within its session's time"""
    with running_server(programs, options=_QUICK) as server:
        new_topic(server, 'topic', 9)
        victim = subprocess.Popen(['kcat', '-b', server.address(), '-X', f'session.timeout.ms={_SESSION_S * 1000}',
                                   '-X', 'heartbeat.interval.ms=200', '-G', 'group', 'topic'],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        members = [Member(server, 'topic'), Member(server, 'topic')]
        try:
            wait_until(members, lambda: [len(member.owned()) for member in members] == [3, 3])
            victim.send_signal(signal.SIGKILL)
            took = wait_until(members, lambda: all_owned(members, 9))
        finally:
            victim.kill()
            victim.wait()
        produce(server, 'topic', [b'%d' % number for number in range(90)], 9)
        wait_until(members, lambda: sum(len(member.values) for member in members) == 90)
        note(f'{took:.2f} s with a session of {_SESSION_S} s')
        assert took < _SESSION_S + 2
        for member in members:
            member.close()


@cases.case()
def static_restart(programs):
    """A static member that restarts within its session gets its partitions back, and nobody else notices"""
    with running_server(programs, options=_QUICK) as server:
        new_topic(server, 'topic', 6)
        others = [Member(server, 'topic', **{'group.instance.id': f'instance-{number}'}) for number in range(2)]
        restarted = Member(server, 'topic', **{'group.instance.id': 'restarted'})
        wait_until([*others, restarted], lambda: all_owned([*others, restarted], 6))
        before, had = describe(server, 'group'), restarted.owned()
        revoked = [member.revoked_count for member in others]
        restarted.close()  # a static member does not leave
        again = Member(server, 'topic', **{'group.instance.id': 'restarted'})
        wait_until([*others, again], lambda: all_owned([*others, again], 6))
        assert again.owned() == had
        assert [member.revoked_count for member in others] == revoked
        after = describe(server, 'group')
        assert {one['member_id'] for one in before['members']} != {one['member_id'] for one in after['members']}
        produce(server, 'topic', [b'%d' % number for number in range(60)], 6)
        wait_until([*others, again], lambda: len(again.values) == 20)
        for member in [*others, again]:
            member.close()


@cases.case()
def coordinator_restart(programs):
    """After kill -9 of the server its members go on with the partitions and the generation they had"""
    with running_server(programs, options=_QUICK) as server:
        new_topic(server, 'topic', 6)
        members = [Member(server, 'topic', **_PATIENT) for _ in range(3)]
        wait_until(members, lambda: all_owned(members, 6))
        owned = [member.owned() for member in members]
        before = describe(server, 'group')
        for round_number in range(3):
            server.kill()
            server.start()
            produce(server, 'topic', [b'%d' % number for number in range(60)], 6)
            wait_until(members, lambda: sum(len(member.values) for member in members) == 60 * (round_number + 1))
            assert [member.owned() for member in members] == owned
            assert describe(server, 'group') == before
        # Whoever has not found the coordinator again would leave without telling it, and be missed only after its session.
        for member in members:
            member.consumer.commit(asynchronous=False)
        assert not any(member.lost_count or member.revoked_count for member in members)
        members.pop().close()
        wait_until(members, lambda: all_owned(members, 6))
        for member in members:
            member.close()


@cases.case()
def administration(programs):
    """Groups are listed, described and deleted, their offsets with them; one with members is not"""
    with running_server(programs, options=_QUICK) as server:
        new_topic(server, 'topic', 2)
        produce(server, 'topic', [b'1', b'2'], 2)
        member = Member(server, 'topic', group='used')
        wait_until([member], lambda: len(member.values) == 2)
        member.consumer.commit(asynchronous=False)
        consumer = Consumer({'bootstrap.servers': server.address(), 'group.id': 'simple'})
        consumer.commit(offsets=[TopicPartition('topic', 1, 1)], asynchronous=False)
        consumer.close()
        listed = {group.id: (group.state, group.protocol_type, len(group.members))
                  for group in AdminClient({'bootstrap.servers': server.address()}).list_groups(timeout=20)}
        assert listed == {'used': ('Stable', 'consumer', 1), 'simple': ('Empty', '', 0)}, listed
        topics = AdminClient({'bootstrap.servers': server.address()}).list_topics(timeout=20).topics
        assert len(topics['__consumer_offsets'].partitions) == 8
        with server.connect() as connection:
            body = {'groups': ['used', 'simple', 'none']}
            deleted = connection.call(groups.DELETE_GROUPS, 2, body)['groups']
            assert [one['error'] for one in deleted] == [68, 0, 69], deleted
        member.close()
        assert committed(server, 'simple', 'topic', 2) == [-1001, -1001]
        assert committed(server, 'used', 'topic', 2) == [1, 1]
        with server.connect() as connection:
            deleted = connection.call(groups.DELETE_GROUPS, 2, {'groups': ['used']})['groups']
            assert [one['error'] for one in deleted] == [0], deleted
        server.kill()
        server.start()
        assert committed(server, 'used', 'topic', 2) == [-1001, -1001]
        assert not AdminClient({'bootstrap.servers': server.address()}).list_groups(timeout=20)


@cases.case()
def deleted_topic(programs):
    """A new topic of a deleted one's name begins without the old one's offsets, after kill -9 too"""
    with running_server(programs, options=_QUICK) as server:
        new_topic(server, 'topic', 1)
        consumer = Consumer({'bootstrap.servers': server.address(), 'group.id': 'simple'})
        consumer.commit(offsets=[TopicPartition('topic', 0, 7)], asynchronous=False)
        consumer.close()
        assert committed(server, 'simple', 'topic', 1) == [7]
        with server.connect() as connection:
            connection.call(kafka.DELETE_TOPICS, 1, kafka.delete_topics('topic'))
        new_topic(server, 'topic', 1)
        assert committed(server, 'simple', 'topic', 1) == [-1001]
        server.kill()
        server.start()
        assert committed(server, 'simple', 'topic', 1) == [-1001]


@cases.case()
def expiry(programs):
    """An offset is forgotten when the time it was committed for is over, and the group with it"""
    options = [*_QUICK, '--offsets.retention.check.interval.ms=50']
    with running_server(programs, options=options) as server:
        new_topic(server, 'topic', 1)
        with server.connect() as connection:
            commits = [groups.offset_commit('short', 'topic', {0: 1}, retention_ms=1000),
                       groups.offset_commit('long', 'topic', {0: 1}, retention_ms=600_000)]
            for commit in commits:
                answer = connection.call(groups.OFFSET_COMMIT, 4, commit)
                assert kafka.only_partition(answer)['error'] == 0, answer
            assert committed(server, 'short', 'topic', 1) == [1]
            deadline = time.monotonic() + 20
            while committed(server, 'short', 'topic', 1) == [1]:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            listed = connection.call(groups.LIST_GROUPS, 4, {'states': []})['groups']
            assert [one['group'] for one in listed] == ['long'], listed
        server.kill()
        server.start()
        assert committed(server, 'short', 'topic', 1) == [-1001]
        assert committed(server, 'long', 'topic', 1) == [1]


if __name__ == '__main__':
    sys.exit(cases.main())
