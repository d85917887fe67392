"""Groups of the consumer protocol, heartbeat by heartbeat: who reads what, who is fenced, what a killed server still knows,
and how a group changes from one protocol to the other."""
import itertools
import sys
import time

import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases
from healthy import bystander
from kafka_wire import decode_batches
from server import running_server

cases = Cases(bystander)

_TOPIC, _PARTITIONS = 'shared', 6
_numbers = itertools.count()

# Kafka's codes.
_LOADING = 14  # a coordinator that has just started
_INVALID_GROUP, _INCONSISTENT_PROTOCOL, _UNKNOWN_MEMBER, _UNSUPPORTED_VERSION, _INVALID_REQUEST = 24, 23, 25, 35, 42
_NON_EMPTY, _NOT_FOUND, _SUBSCRIBED = 68, 69, 86
_FENCED_EPOCH, _UNRELEASED, _NO_ASSIGNOR, _STALE_EPOCH, _NO_PATTERN, _FENCED_INSTANCE = 110, 111, 112, 113, 128, 82


def new_group():
    return f'consumers-{next(_numbers)}'


def make_topic(connection, name=_TOPIC, partitions=_PARTITIONS):
    """Its id."""
    connection.call(kafka.CREATE_TOPICS, 7, kafka.create_topics(name, partitions=partitions))
    body = groups.consumer_heartbeat(new_group(), 'asks', 0, [name], {}, 10_000)
    (topic,) = connection.call(groups.CONSUMER_HEARTBEAT, 1, body)['assignment']['topics']
    return topic['topic_id']


class Member:
    """A consumer: it joins, beats, and reads what it is told to."""

    def __init__(self, connection, group, member_id, topics=(_TOPIC,), **arguments):
        self.connection, self.group, self.id, self.topics = connection, group, member_id, list(topics)
        self.arguments = arguments
        self.epoch, self.owned = 0, {}
        self.join()

    def call(self, **arguments):
        body = groups.consumer_heartbeat(self.group, self.id, **{
            'epoch': self.epoch, 'owned': self.owned, 'instance_id': self.arguments.get('instance_id'), **arguments})
        deadline = time.monotonic() + 20
        while True:  # as a client does, which asks again
            answer = self.connection.call(groups.CONSUMER_HEARTBEAT, 1, body)
            if answer['error'] != _LOADING or time.monotonic() > deadline:
                return answer
            time.sleep(0.01)

    def join(self):
        self.epoch, self.owned = 0, {}
        self.heard(self.call(topics=self.topics, rebalance_timeout_ms=10_000, **self.arguments))

    def beat(self):
        self.heard(self.call())

    def heard(self, answer):
        assert answer['error'] == 0, answer
        self.epoch = answer['epoch']
        if answer['assignment'] is not None:
            self.owned = {one['topic_id']: one['partitions'] for one in answer['assignment']['topics']}

    def count(self):
        return sum(len(partitions) for partitions in self.owned.values())

    def leave(self, epoch=-1):
        assert self.call(epoch=epoch)['error'] == 0

    def commit(self, offset, version=9):
        body = groups.offset_commit(self.group, _TOPIC, {0: offset}, self.epoch, self.id)
        return kafka.only_partition(self.connection.call(groups.OFFSET_COMMIT, version, body))['error']


def settle(*members):
    for _ in range(3):
        for member in members:
            member.beat()


@cases.case()
def the_whole_life(bystander):
    """A second member gets its share when the first has given it back, and all of it when that one leaves"""
    with bystander.server.connect() as connection:
        topic = make_topic(connection)
        group = new_group()
        first = Member(connection, group, 'first')
        assert first.owned == {topic: list(range(_PARTITIONS))}
        second = Member(connection, group, 'second')
        assert (second.epoch, second.owned) == (2, {})
        read_before = first.owned
        first.beat()
        assert (first.epoch, first.count()) == (1, 3)
        kept, first.owned = first.owned, read_before  # it reads on
        first.heard({**first.call(), 'assignment': None})
        second.beat()
        assert (first.epoch, second.owned) == (1, {})
        first.owned = kept
        first.beat()
        second.beat()
        assert (first.epoch, first.count(), second.count()) == (2, 3, 3)
        assert sorted(first.owned[topic] + second.owned[topic]) == list(range(_PARTITIONS))

        (listed,) = [one for one in connection.call(groups.LIST_GROUPS, 5, {'states': ['stable'], 'types': ['consumer']})[
            'groups'] if one['group'] == group]
        assert (listed['protocol_type'], listed['state'], listed['type']) == ('consumer', 'Stable', 'consumer'), listed
        listed = connection.call(groups.LIST_GROUPS, 5, {'states': [], 'types': ['classic']})['groups']
        assert group not in [one['group'] for one in listed]
        (described,) = connection.call(groups.DESCRIBE_GROUPS, 5, {'groups': [group], 'include_operations': False})['groups']
        assert (described['error'], described['state']) == (0, 'Dead'), described
        answer = connection.call(groups.DELETE_GROUPS, 2, {'groups': [group]})
        assert answer['groups'][0]['error'] == _NON_EMPTY

        first.leave()
        second.beat()
        assert (second.epoch, second.count()) == (3, _PARTITIONS)
        second.leave()
        assert connection.call(groups.DELETE_GROUPS, 2, {'groups': [group]})['groups'][0]['error'] == 0
        body = {'groups': [group], 'include_operations': False}
        assert connection.call(groups.CONSUMER_DESCRIBE, 1, body)['groups'][0]['error'] == _NOT_FOUND
    bystander.check()


@cases.case()
def topics_come_and_go(bystander):
    """Topics that are made, and deleted, reach their readers with the next heartbeat, by name and by regular expression"""
    with bystander.server.connect() as connection:
        by_name = Member(connection, new_group(), 'reader', ['comes'])
        by_pattern = Member(connection, new_group(), 'reader', [], pattern='com(es|mon)')
        for member in (by_name, by_pattern):
            assert member.owned == {}
        topic = make_topic(connection, 'comes', 2)
        for member in (by_name, by_pattern):
            member.beat()
            assert member.owned == {topic: [0, 1]}, member.owned
        connection.call(kafka.DELETE_TOPICS, 1, kafka.delete_topics('comes'))
        for member in (by_name, by_pattern):
            member.beat()
            assert member.owned == {}, member.owned
    bystander.check()


@cases.case()
def static_members(bystander):
    """A static member that leaves for now finds its partitions under another id; its instance is nobody else's meanwhile"""
    with bystander.server.connect() as connection:
        make_topic(connection)
        group = new_group()
        first = Member(connection, group, 'first', instance_id='instance')
        other = Member(connection, group, 'other')
        settle(first, other)
        answer = connection.call(groups.CONSUMER_HEARTBEAT, 1, groups.consumer_heartbeat(
            group, 'thief', 0, [_TOPIC], {}, 10_000, instance_id='instance'))
        assert (answer['error'], bool(answer['error_message'])) == (_UNRELEASED, True), answer
        first.leave(epoch=-2)
        other.beat()
        assert other.count() == 3
        again = Member(connection, group, 'again', instance_id='instance')
        assert (again.epoch, again.owned) == (first.epoch, first.owned)
        assert first.call()['error'] == _FENCED_INSTANCE
        left = connection.call(groups.LEAVE_GROUP, 5, groups.leave_group(group, '', instance_id='instance'))
        assert left['members'][0]['error'] == 0, left
        other.beat()
        assert other.count() == _PARTITIONS
    bystander.check()


@cases.case()
def offsets_and_epochs(bystander):
    """Offsets are committed and fetched by members in their present epoch only"""
    with bystander.server.connect() as connection:
        make_topic(connection)
        group = new_group()
        member = Member(connection, group, 'member')
        assert (member.commit(7), member.commit(7, version=8)) == (0, _UNSUPPORTED_VERSION)
        member.epoch += 1
        assert (member.commit(8), member.call()['error']) == (_STALE_EPOCH, _FENCED_EPOCH)
        member.epoch -= 1
        body = groups.offset_commit(group, _TOPIC, {0: 9})
        assert kafka.only_partition(connection.call(groups.OFFSET_COMMIT, 9, body))['error'] == _UNKNOWN_MEMBER
        body = groups.offset_commit(new_group(), _TOPIC, {0: 9}, 1, 'member')
        assert kafka.only_partition(connection.call(groups.OFFSET_COMMIT, 9, body))['error'] == _NOT_FOUND
        for asked, expected in (((None, -1), 0), (('member', 1), 0), (('member', 2), _STALE_EPOCH), (('x', 1), _UNKNOWN_MEMBER)):
            (found,) = connection.call(groups.OFFSET_FETCH, 9, groups.offset_fetch(group, _TOPIC, [0], *asked))['groups']
            assert found['error'] == expected, (asked, found)
            assert expected or kafka.only_partition(found)['offset'] == 7
        body = {'group': group, 'topics': [{'name': _TOPIC, 'partitions': [0]}]}
        assert kafka.only_partition(connection.call(groups.OFFSET_DELETE, 0, body))['error'] == _SUBSCRIBED
        member.leave()
        assert kafka.only_partition(connection.call(groups.OFFSET_DELETE, 0, body))['error'] == 0
    bystander.check()


@cases.case()
def what_is_refused(bystander):
    """Heartbeats that cannot be are told why, and leave no group behind"""
    with bystander.server.connect() as connection:
        make_topic(connection)
        group = new_group()
        whole = {'topics': [_TOPIC], 'owned': {}, 'rebalance_timeout_ms': 10_000}
        for expected, member_id, arguments in (
                (_INVALID_REQUEST, '', whole),
                (_INVALID_REQUEST, 'm', {**whole, 'epoch': -3}),
                (_INVALID_REQUEST, 'm', {**whole, 'epoch': -2}),
                (_INVALID_REQUEST, 'm', {**whole, 'epoch': -(1 << 31)}),
                (_INVALID_REQUEST, 'm', {**whole, 'topics': None}),
                (_INVALID_REQUEST, 'm', {**whole, 'owned': None}),
                (_INVALID_REQUEST, 'm', {**whole, 'owned': {bytes(16): [0]}}),
                (_INVALID_REQUEST, 'm', {**whole, 'rebalance_timeout_ms': -1}),
                (_INVALID_REQUEST, 'm', {**whole, 'rebalance_timeout_ms': -2}),
                (_INVALID_REQUEST, 'm', {**whole, 'instance_id': ''}),
                (_INVALID_REQUEST, 'm', {**whole, 'topics': ['x' * 200] * 6000}),
                (_NO_ASSIGNOR, 'm', {**whole, 'assignor': 'roundrobin'}),
                (_NO_PATTERN, 'm', {**whole, 'pattern': '('}),
                (_NOT_FOUND, 'm', {'epoch': 1}),
                (_NOT_FOUND, 'm', {'epoch': (1 << 31) - 1}),
                (_NOT_FOUND, 'm', {'epoch': -1})):
            answer = connection.call(groups.CONSUMER_HEARTBEAT, 1, groups.consumer_heartbeat(group, member_id, **arguments))
            assert (answer['error'], bool(answer['error_message'])) == (expected, True), (arguments, answer)
        body = groups.consumer_heartbeat('', 'm', **whole)
        assert connection.call(groups.CONSUMER_HEARTBEAT, 1, body)['error'] == _INVALID_REQUEST
        body = {'groups': [group, ''], 'include_operations': False}
        described = connection.call(groups.CONSUMER_DESCRIBE, 1, body)['groups']
        assert [one['error'] for one in described] == [_NOT_FOUND, _INVALID_GROUP]
        member = Member(connection, group, 'm')
        # What it says it owns is no more than words.
        lies = {bytes(16): [-1, 5, 1 << 30], bytes(range(16)): [7] * 5000}
        assert member.call(owned=lies)['error'] == 0
        body = groups.consumer_heartbeat(group, 'stranger', 1)
        assert connection.call(groups.CONSUMER_HEARTBEAT, 1, body)['error'] == _UNKNOWN_MEMBER
    bystander.check()


@cases.case()
def from_one_protocol_to_the_other(bystander):
    """A group without members changes its protocol and keeps its offsets; one with members refuses the other protocol"""
    with bystander.server.connect() as connection:
        make_topic(connection)
        group = new_group()
        joined = connection.call(groups.JOIN_GROUP, 3, groups.join_group(group))
        body = groups.sync_group(group, 1, joined['member_id'], {joined['member_id']: b'mine'})
        assert connection.call(groups.SYNC_GROUP, 3, body)['error'] == 0
        body = groups.offset_commit(group, _TOPIC, {0: 5}, 1, joined['member_id'])
        assert kafka.only_partition(connection.call(groups.OFFSET_COMMIT, 9, body))['error'] == 0
        heartbeat = groups.consumer_heartbeat(group, 'm', 0, [_TOPIC], {}, 10_000)
        assert connection.call(groups.CONSUMER_HEARTBEAT, 1, heartbeat)['error'] == _NOT_FOUND
        connection.call(groups.LEAVE_GROUP, 1, groups.leave_group(group, joined['member_id']))

        member = Member(connection, group, 'm')
        assert connection.call(groups.JOIN_GROUP, 3, groups.join_group(group))['error'] == _INCONSISTENT_PROTOCOL
        assert connection.call(groups.HEARTBEAT, 3, groups.heartbeat(group, 1, 'm'))['error'] == _UNKNOWN_MEMBER
        found = connection.call(groups.OFFSET_FETCH, 5, groups.offset_fetch(group, _TOPIC, [0]))
        assert kafka.only_partition(found)['offset'] == 5
        member.leave()

        joined = connection.call(groups.JOIN_GROUP, 3, groups.join_group(group))
        assert (joined['error'], joined['generation']) == (0, 1), joined
        found = connection.call(groups.OFFSET_FETCH, 5, groups.offset_fetch(group, _TOPIC, [0]))
        assert kafka.only_partition(found)['offset'] == 5
    bystander.check()


@cases.case()
def a_killed_server(bystander):
    """What was answered is known after kill -9 in the middle of a rebalance; silent members are given up"""
    options = ['--group.consumer.session.timeout.ms=1500', '--group.consumer.min.session.timeout.ms=1000',
               '--group.consumer.heartbeat.interval.ms=100', '--group.consumer.min.heartbeat.interval.ms=100']
    with running_server(_programs_of(bystander), options=options) as server:
        with server.connect() as connection:
            make_topic(connection)
            first = Member(connection, 'group', 'first')
            second = Member(connection, 'group', 'second')
            assert first.commit(3) == 0
            first.beat()
            assert (first.epoch, first.count()) == (1, 3)
        server.kill()
        server.start()
        with server.connect() as connection:
            first.connection = second.connection = connection
            second.beat()
            assert second.owned == {}  # "first" has yet to give back
            settle(first, second)
            assert (first.epoch, second.epoch, first.count(), second.count()) == (2, 2, 3, 3)
            found = connection.call(groups.OFFSET_FETCH, 9, groups.offset_fetch('group', _TOPIC, [0], 'first', 2))
            assert kafka.only_partition(found['groups'][0])['offset'] == 3
        server.kill()
        server.start()
        with server.connect() as connection:
            first.connection = second.connection = connection
            deadline = time.monotonic() + 20
            while second.count() < _PARTITIONS and time.monotonic() < deadline:
                second.beat()
                time.sleep(0.05)
            assert second.count() == _PARTITIONS
            assert first.call()['error'] == _UNKNOWN_MEMBER
            keys = [record.key[:2] for record in read_all(connection) if record.key[2:9] == b'\0\5group']
            assert {key[1] for key in keys} == {1, 3, 4, 5, 6, 7, 8}, keys  # Kafka's kinds of records


def read_all(connection):
    """Every record of __consumer_offsets."""
    for partition in range(50):
        answer = connection.call(kafka.FETCH, 11, kafka.fetch('__consumer_offsets', {partition: 0}))
        yield from decode_batches(kafka.only_partition(answer)['records'] or b'')


def _programs_of(bystander):
    """What the bystander's server was made of, for another one."""
    class Programs:
        penstock, sanitized = bystander.server.program, False
    return Programs


@cases.case()
def without_the_protocol(bystander):
    """A server that is told to do without the consumer protocol says so"""
    options = ['--group.coordinator.rebalance.protocols=classic']
    with running_server(_programs_of(bystander), options=options) as server, server.connect() as connection:
        body = groups.consumer_heartbeat('group', 'm', 0, ['x'], {}, 10_000)
        assert connection.call(groups.CONSUMER_HEARTBEAT, 1, body)['error'] == _UNSUPPORTED_VERSION
        features = connection.call(kafka.API_VERSIONS, 3, {'software_name': 'e2e', 'software_version': '1'})
        assert not features.get('supported_features')


if __name__ == '__main__':
    sys.exit(cases.main())
