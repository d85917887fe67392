"""What is wrong with a group's request is told by its error code; what waits for a group holds up nobody else, and ends with
its client."""
import itertools
import sys
import time

import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases, note
from healthy import bystander
from kafka_wire import decode_batches, encode_batch

cases = Cases(bystander)

_TOPIC = 'read'
_numbers = itertools.count()

# Kafka's codes.
_UNKNOWN_TOPIC, _METADATA_TOO_LARGE, _INVALID_TOPIC, _ILLEGAL_GENERATION, _INCONSISTENT_PROTOCOL = 3, 12, 17, 22, 23
_INVALID_GROUP, _UNKNOWN_MEMBER, _INVALID_SESSION_TIMEOUT, _REBALANCING = 24, 25, 26, 27
_NON_EMPTY, _NOT_FOUND, _ID_REQUIRED, _GROUP_FULL, _FENCED_INSTANCE = 68, 69, 79, 81, 82


def new_group():
    return f'group-{next(_numbers)}'


def join(connection, group, version=3, **arguments):
    return connection.call(groups.JOIN_GROUP, version, groups.join_group(group, **arguments))


def stable_group(connection, **arguments):
    """A group with one member, and that member's id."""
    group = new_group()
    joined = join(connection, group, version=5 if 'instance_id' in arguments else 3, **arguments)
    if joined['error'] == _ID_REQUIRED:
        joined = join(connection, group, version=5, member_id=joined['member_id'], **arguments)
    assert (joined['error'], joined['generation']) == (0, 1), joined
    member_id = joined['member_id']
    body = groups.sync_group(group, 1, member_id, {member_id: b'mine'}, instance_id=arguments.get('instance_id'))
    assert connection.call(groups.SYNC_GROUP, 3, body)['error'] == 0
    return group, member_id


def make_topic(connection):
    connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC]))


def is_refused(bystander, api, version, body, expected):
    with bystander.server.connect() as connection:
        assert connection.call(api, version, body)['error'] == expected
    bystander.check()


def refused(name, api, version, body, expected):
    cases.add(f'{name}: {expected}', is_refused, api, version, body, expected)


for timeout in (0, -1, 5999, 1_800_001, 86_400_000, (1 << 31) - 1, -(1 << 31)):
    refused(f'JoinGroup with a session of {timeout} ms', groups.JOIN_GROUP, 3,
            groups.join_group('refused', session_timeout_ms=timeout), _INVALID_SESSION_TIMEOUT)
for name, arguments in (('no protocols', {'protocols': ()}), ('no protocol type', {'protocol_type': ''}),
                        ('a protocol twice', {'protocols': (('a', b''), ('a', b''))}),
                        ('101 protocols', {'protocols': [(f'p{number}', b'') for number in range(101)]})):
    refused(f'JoinGroup with {name}', groups.JOIN_GROUP, 3, groups.join_group('refused', **arguments),
            _INCONSISTENT_PROTOCOL)
refused('JoinGroup with 2 MiB of metadata', groups.JOIN_GROUP, 3,
        groups.join_group('refused', protocols=(('range', bytes(2 << 20)),)), _GROUP_FULL)
refused('JoinGroup without a group', groups.JOIN_GROUP, 3, groups.join_group(''), _INVALID_GROUP)
refused('JoinGroup of a member nobody knows', groups.JOIN_GROUP, 3, groups.join_group('refused', member_id='x'),
        _UNKNOWN_MEMBER)
refused('JoinGroup of a static member nobody knows', groups.JOIN_GROUP, 5,
        groups.join_group('refused', member_id='x', instance_id='y'), _UNKNOWN_MEMBER)
refused('SyncGroup without a group', groups.SYNC_GROUP, 3, groups.sync_group('', 1, 'x'), _INVALID_GROUP)
refused('SyncGroup of a group nobody knows', groups.SYNC_GROUP, 3, groups.sync_group('refused', 1, 'x'), _UNKNOWN_MEMBER)
refused('SyncGroup without its protocol', groups.SYNC_GROUP, 5, groups.sync_group('refused', 1, 'x', protocol_name=None),
        _INCONSISTENT_PROTOCOL)
refused('Heartbeat without a group', groups.HEARTBEAT, 3, groups.heartbeat('', 1, 'x'), _INVALID_GROUP)
refused('Heartbeat of a group nobody knows', groups.HEARTBEAT, 3, groups.heartbeat('refused', 1, 'x'), _UNKNOWN_MEMBER)
refused('LeaveGroup without a group', groups.LEAVE_GROUP, 3, groups.leave_group('', 'x'), _INVALID_GROUP)
refused('LeaveGroup of a group nobody knows', groups.LEAVE_GROUP, 1, groups.leave_group('refused', 'x'), _UNKNOWN_MEMBER)
refused('OffsetFetch without a group', groups.OFFSET_FETCH, 5, groups.offset_fetch(''), _INVALID_GROUP)
refused('OffsetDelete of a group nobody knows', groups.OFFSET_DELETE, 0, {'group': 'refused', 'topics': []}, _NOT_FOUND)


@cases.case()
def commits_refused(bystander):
    """OffsetCommit of partitions there are not, with too much metadata, of a stranger and of an old generation"""
    with bystander.server.connect() as connection:
        make_topic(connection)
        group, member_id = stable_group(connection)
        body = groups.offset_commit(group, _TOPIC, {0: 1, 1: 1, -1: 1}, generation=1, member_id=member_id)
        for body, expected in (
                (body, [0, _UNKNOWN_TOPIC, _UNKNOWN_TOPIC]),
                (groups.offset_commit(group, 'nowhere', {0: 1}, 1, member_id), [_UNKNOWN_TOPIC]),
                (groups.offset_commit(group, _TOPIC, {0: 1}, 1, member_id, metadata='x' * 4096), [0]),
                (groups.offset_commit(group, _TOPIC, {0: 1}, 1, member_id, metadata='x' * 4097), [_METADATA_TOO_LARGE]),
                (groups.offset_commit(group, _TOPIC, {0: 1}, 0, member_id), [_ILLEGAL_GENERATION]),
                (groups.offset_commit(group, _TOPIC, {0: 1}, 2, member_id), [_ILLEGAL_GENERATION]),
                (groups.offset_commit(group, _TOPIC, {0: 1}, 1, 'x'), [_UNKNOWN_MEMBER]),
                (groups.offset_commit(group, _TOPIC, {0: 1}), [_UNKNOWN_MEMBER]),
                (groups.offset_commit('', _TOPIC, {0: 1}), [_INVALID_GROUP]),
                (groups.offset_commit(new_group(), _TOPIC, {0: 1}, 1, 'x'), [_ILLEGAL_GENERATION])):
            answer = connection.call(groups.OFFSET_COMMIT, 7, body)
            assert [part['error'] for part in answer['topics'][0]['partitions']] == expected, (body, answer)
        for retention_ms in ((1 << 63) - 1, -(1 << 63)):
            body = groups.offset_commit(group, _TOPIC, {0: 1}, 1, member_id, retention_ms=retention_ms)
            assert kafka.only_partition(connection.call(groups.OFFSET_COMMIT, 4, body))['error'] == 0
        big = groups.offset_commit(group, _TOPIC, {0: 1}, 1, member_id, metadata='x' * 32_767)
        assert kafka.only_partition(connection.call(groups.OFFSET_COMMIT, 8, big))['error'] == _METADATA_TOO_LARGE
        # More than any string of the protocol may be: no request at all.
        connection.send(groups.OFFSET_COMMIT, 8, groups.offset_commit(group, _TOPIC, {0: 1}, metadata='x' * (1 << 20)))
        assert connection.ended()
    bystander.check()


@cases.case()
def generations_are_fenced(bystander):
    """A member of an old generation, or one that others have taken for dead, gets nothing done"""
    with bystander.server.connect() as first, bystander.server.connect() as second:
        make_topic(first)
        group, member_id = stable_group(first)
        second.send(groups.JOIN_GROUP, 3, groups.join_group(group))
        wait_for_error(first, group, 1, member_id, _REBALANCING)
        joined = join(first, group, member_id=member_id)
        other = second.receive()
        assert (joined['generation'], other['generation'], joined['leader']) == (2, 2, member_id)
        assert first.call(groups.HEARTBEAT, 3, groups.heartbeat(group, 1, member_id))['error'] == _ILLEGAL_GENERATION
        assert first.call(groups.SYNC_GROUP, 3, groups.sync_group(group, 1, member_id))['error'] == _ILLEGAL_GENERATION
        commit = groups.offset_commit(group, _TOPIC, {0: 1}, 1, member_id)
        assert kafka.only_partition(first.call(groups.OFFSET_COMMIT, 7, commit))['error'] == _ILLEGAL_GENERATION
        commit = groups.offset_commit(group, _TOPIC, {0: 1}, 2, member_id)
        assert kafka.only_partition(first.call(groups.OFFSET_COMMIT, 7, commit))['error'] == _REBALANCING
        assert first.call(groups.LEAVE_GROUP, 1, groups.leave_group(group, other['member_id']))['error'] == 0
        assert second.call(groups.HEARTBEAT, 3, groups.heartbeat(group, 2, other['member_id']))['error'] == _UNKNOWN_MEMBER
        assert second.call(groups.DELETE_GROUPS, 1, {'groups': [group]})['groups'][0]['error'] == _NON_EMPTY


def wait_for_error(connection, group, generation, member_id, expected):
    deadline = time.monotonic() + 10
    body = groups.heartbeat(group, generation, member_id)
    while connection.call(groups.HEARTBEAT, 3, body)['error'] != expected:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@cases.case()
def instances_are_fenced(bystander):
    """The second client with an instance's name takes it over; the first is told so"""
    with bystander.server.connect() as first, bystander.server.connect() as second:
        group, old_id = stable_group(first, instance_id='instance')
        joined = join(second, group, version=5, instance_id='instance')
        assert (joined['error'], joined['generation']) == (0, 1) and joined['member_id'] != old_id, joined
        assert first.call(groups.HEARTBEAT, 3, groups.heartbeat(group, 1, old_id, 'instance'))['error'] == _FENCED_INSTANCE
        synced = second.call(groups.SYNC_GROUP, 3,
                             groups.sync_group(group, 1, joined['member_id'], instance_id='instance'))
        assert (synced['error'], synced['assignment']) == (0, b'mine')
        left = second.call(groups.LEAVE_GROUP, 3, groups.leave_group(group, '', instance_id='instance'))
        assert (left['error'], left['members'][0]['error']) == (0, 0), left


@cases.case()
def parked_requests_end_with_their_clients(bystander):
    """Joins that wait are given up when their clients leave, and hold up neither other groups nor the server's end"""
    server = bystander.server
    with server.connect() as first:
        group, member_id = stable_group(first)
        waiting = [server.connect() for _ in range(50)]
        for connection in waiting:  # the only member does not join again
            connection.send(groups.JOIN_GROUP, 3, groups.join_group(group, session_timeout_ms=6000))
        wait_for_error(first, group, 1, member_id, _REBALANCING)
        began = time.monotonic()
        other_group, _ = stable_group(first)
        assert time.monotonic() - began < 1
        bystander.check()
        for connection in waiting[1:]:
            connection.close()
        # Once the sessions of those that left are over, the one that waits and the one that is back are all there is.
        deadline = time.monotonic() + 20
        while True:
            described = first.call(groups.DESCRIBE_GROUPS, 3, {'groups': [group], 'include_operations': False})
            if len(described['groups'][0]['members']) == 2:
                break
            assert time.monotonic() < deadline, len(described['groups'][0]['members'])
            first.call(groups.HEARTBEAT, 3, groups.heartbeat(group, 1, member_id))
            time.sleep(0.1)
        joined = join(first, group, member_id=member_id)
        other = waiting[0].receive()
        assert (joined['error'], other['error'], joined['generation'], other['generation']) == (0, 0, 2, 2)
        assert len(joined['members']) == 2
        waiting[0].close()
    bystander.check()


@cases.case()
def ids_that_nobody_uses(bystander):
    """Ids given out in 20,000 groups that nobody comes back to cost bounded memory, and leave no group"""
    with bystander.server.connect() as connection:
        before = len(connection.call(groups.LIST_GROUPS, 0, {})['groups'])
        for _ in range(200):
            for _ in range(100):
                connection.send(groups.JOIN_GROUP, 5, groups.join_group(new_group(), session_timeout_ms=6000))
            for _ in range(100):
                assert connection.receive()['error'] == _ID_REQUIRED
        bystander.check()
        deadline = time.monotonic() + 20
        while len(connection.call(groups.LIST_GROUPS, 0, {})['groups']) > before:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    note(f'resident: {bystander.server.resident_bytes() >> 20} MiB')


@cases.case()
def own_topic(bystander):
    """The offsets topic is read, and neither written, nor made, nor deleted by clients"""
    with bystander.server.connect() as connection:
        make_topic(connection)
        commit = groups.offset_commit(new_group(), _TOPIC, {0: 1})
        assert kafka.only_partition(connection.call(groups.OFFSET_COMMIT, 7, commit))['error'] == 0
        name = '__consumer_offsets'
        batch = encode_batch([b'not a record of a group'])
        answer = connection.call(kafka.PRODUCE, 7, kafka.produce(name, {0: batch}))
        assert kafka.only_partition(answer)['error'] == _INVALID_TOPIC
        for api, version, body in ((kafka.CREATE_TOPICS, 4, kafka.create_topics(name)),
                                   (kafka.DELETE_TOPICS, 3, kafka.delete_topics(name))):
            (topic,) = connection.call(api, version, body)['topics']
            assert topic['error'] == _INVALID_TOPIC, topic
        (topic,) = connection.call(kafka.METADATA, 4, kafka.metadata([name]))['topics']
        assert topic['is_internal'] and len(topic['partitions']) == 50, topic
        ends = connection.call(kafka.LIST_OFFSETS, 1, kafka.list_offsets(name, {index: -1 for index in range(50)}))
        kept = {part['index']: part['offset'] for part in ends['topics'][0]['partitions'] if part['offset'] > 0}
        read = connection.call(kafka.FETCH, 11, kafka.fetch(name, {index: 0 for index in kept}))
        records = [record for part in read['topics'][0]['partitions'] for record in decode_batches(part['records'])]
        key = b'\0\1' + string(commit['group']) + string(_TOPIC) + bytes(4)
        (value,) = [record.value for record in records if record.key == key]
        assert value[:14] == b'\0\3' + (1).to_bytes(8, 'big') + b'\xff' * 4, value
    bystander.check()


def string(text):
    return len(text).to_bytes(2, 'big') + text.encode()


if __name__ == '__main__':
    sys.exit(cases.main())
