"""Every version of every request that is advertised is sent once, and what is answered is read to its last byte."""
import itertools
import sys

import kafka_admin_messages as admin
import kafka_group_messages as groups
import kafka_messages as kafka
import kafka_producer_messages as producers
import kafka_quota_messages as quotas
from admin_versions import send_admin_version, send_quotas_version
from cases import Cases
from healthy import bystander
from kafka_wire import decode_batches, encode_batch

cases = Cases(bystander)

# librdkafka before 2025 compresses only for a server that advertises these; nobody sends them. Kafka does the same.
_ADVERTISED_ONLY = {(0, 0), (0, 1), (0, 2)}

_TOPIC = 'versions'
_numbers = itertools.count()


def check_produce(answer, version):
    result = kafka.only_partition(answer)
    assert (answer['topics'][0]['name'], result['index'], result['error']) == (_TOPIC, 0, 0), answer
    assert result['base_offset'] % 2 == 0 and result['log_append_time'] == -1, answer
    assert version < 5 or result['log_start_offset'] == 0, answer


def check_fetch(answer, version, topic_id):
    result = kafka.only_partition(answer)
    named = {'name': _TOPIC} if version < 13 else {'id': topic_id}
    assert named.items() <= answer['topics'][0].items() and (result['index'], result['error']) == (0, 0), answer
    assert answer.get('error', 0) == 0 and answer.get('session_id', 0) == 0
    assert not {'diverging', 'leader', 'nodes'} & (answer.keys() | result.keys())
    assert result['high_watermark'] == result['last_stable_offset'] >= 2
    assert not result['aborted']
    records = decode_batches(result['records'])
    assert [record.value for record in records[:2]] == [b'one', b'two']
    assert [record.offset for record in records] == list(range(result['high_watermark']))
    assert version < 5 or result['log_start_offset'] == 0
    assert version < 11 or result['preferred_replica'] == -1


def check_list_offsets(answer, version):
    found = {part['index']: part for part in answer['topics'][0]['partitions']}
    assert (found[0]['error'], found[0]['timestamp'], found[0]['offset'] >= 2) == (0, -1, True), answer
    assert version < 4 or found[0]['leader_epoch'] == 0


def check_places(connection, version):
    """The places that have names of their own, each since its version; unsupported before it."""
    end = place(connection, version, -1)['offset']
    assert (place(connection, version, -2)['offset'], end >= 2) == (0, True)
    newest = place(connection, 7, -3)['offset']
    assert 0 <= newest < end
    for timestamp, since, offset in ((-3, 7, newest), (-4, 8, 0), (-5, 9, -1), (-6, 99, -1)):
        found = place(connection, version, timestamp)
        expected = (0, offset) if version >= since else (35, -1)
        assert (found['error'], found['offset']) == expected, (timestamp, found)
    found = place(connection, version, 1 << 60)
    assert (found['error'], found['offset'], found['timestamp'], found.get('leader_epoch', -1)) == (0, -1, -1, -1), found


def place(connection, version, timestamp):
    return kafka.only_partition(connection.call(kafka.LIST_OFFSETS, version, kafka.list_offsets(_TOPIC, {0: timestamp})))


def check_epochs(connection, version):
    body = kafka.offset_for_leader_epoch(_TOPIC, {0: 0, 1: 0}, current=0)
    parts = connection.call(kafka.OFFSET_FOR_LEADER_EPOCH, version, body)['topics'][0]['partitions']
    end = place(connection, 1, -1)['offset']
    assert [(part['error'], part.get('epoch', 0), part['end_offset']) for part in parts] == [
        (0, 0, end), (3, -1 if version >= 1 else 0, -1)], parts
    body = kafka.offset_for_leader_epoch(_TOPIC, {0: 1})  # an epoch that is still to come
    part = kafka.only_partition(connection.call(kafka.OFFSET_FOR_LEADER_EPOCH, version, body))
    assert (part['error'], part.get('epoch', -1), part['end_offset']) == (0, -1, -1), part
    if version >= 2:
        body = kafka.offset_for_leader_epoch(_TOPIC, {0: 0}, current=7)
        part = kafka.only_partition(connection.call(kafka.OFFSET_FOR_LEADER_EPOCH, version, body))
        assert (part['error'], part['end_offset']) == (75, -1), part


def check_metadata(answer, version, port):
    (broker,) = answer['brokers']
    assert (broker['host'], broker['port']) == ('127.0.0.1', port), broker
    (topic,) = answer['topics']
    assert (topic['error'], topic['name'], len(topic['partitions'])) == (0, _TOPIC, 1), topic
    partition = topic['partitions'][0]
    node = broker['node_id']
    assert (partition['leader'], partition['replicas'], partition['isr']) == (node, [node], [node]), partition
    assert version < 1 or answer['controller_id'] == node
    assert version < 2 or answer['cluster_id']
    assert version < 5 or partition['offline'] == []
    assert version < 7 or partition['leader_epoch'] == 0
    assert version < 8 or topic['operations'] == 0xDF8, topic
    assert not 8 <= version <= 10 or answer['cluster_operations'] == 0x1FA0, answer
    assert version < 10 or topic['id'] != bytes(16)


def check_find_coordinator(answer, version, port):
    found = answer if version < 4 else answer['coordinators'][0]
    assert (found['error'], found['host'], found['port']) == (0, '127.0.0.1', port), answer
    assert version < 4 or [part['key'] for part in answer['coordinators']] == ['a', 'b']


def check_api_versions(answer, version):
    assert answer['error'] == 0
    if version >= 3:
        least = 1 if version == 3 else 0
        assert answer['supported_features'] == [{'name': 'group.version', 'first': least, 'last': 1}], answer
        assert answer['finalized_features'] == [{'name': 'group.version', 'last': 1, 'first': 1}], answer
        assert answer['finalized_epoch'] == 0, answer
    assert {api['key'] for api in answer['apis']} == set(kafka.APIS)


def check_create_topics(answer, version):
    (topic,) = answer['topics']
    assert (topic['error'], topic.get('error_message')) == (0, None), topic
    if version >= 5:
        assert (topic['partition_count'], topic['replication_factor']) == (3, 1), topic
        assert {config['name']: config['value'] for config in topic['configs']}['segment.bytes'] == '2000000', topic
    assert version < 7 or topic['id'] != bytes(16)


def check_describe_producers(connection, version):
    identity = connection.call(producers.INIT_PRODUCER_ID, 0, producers.init_producer_id())['producer_id']
    batch = encode_batch([b'one', b'two'], producer_id=identity, producer_epoch=0, base_sequence=0)
    assert kafka.only_partition(connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {0: batch})))['error'] == 0
    body = producers.describe_producers(_TOPIC, 0)
    result = kafka.only_partition(connection.call(producers.DESCRIBE_PRODUCERS, version, body))
    (found,) = [one for one in result['producers'] if one['producer_id'] == identity]
    assert (found['producer_epoch'], found['last_sequence'], found['transaction_start']) == (0, 1, -1), found


def send_version(connection, port, key, version):
    """Sends a request that succeeds; insists that its answer says what it should."""
    if key == 0:
        batch = encode_batch([b'one', b'two'])
        check_produce(connection.call(kafka.PRODUCE, version, kafka.produce(_TOPIC, {0: batch})), version)
    elif key == 1:
        topic_id = connection.call(kafka.METADATA, 10, kafka.metadata([_TOPIC]))['topics'][0]['id']
        check_fetch(connection.call(kafka.FETCH, version, kafka.fetch(_TOPIC, {0: 0}, topic_id=topic_id)), version,
                    topic_id)
    elif key == 2:
        check_list_offsets(connection.call(kafka.LIST_OFFSETS, version, kafka.list_offsets(_TOPIC, {0: -1})), version)
        check_places(connection, version)
    elif key == 3:
        check_metadata(connection.call(kafka.METADATA, version, kafka.metadata([_TOPIC], operations=True)), version, port)
        plain = connection.call(kafka.METADATA, version, kafka.metadata([_TOPIC]))
        assert version < 8 or plain['topics'][0]['operations'] == -(1 << 31), plain
    elif key == 10:
        body = {'key': 'a', 'key_type': 0, 'keys': ['a', 'b']}
        check_find_coordinator(connection.call(kafka.FIND_COORDINATOR, version, body), version, port)
    elif key == 18:
        body = {'software_name': 'e2e', 'software_version': '1'}
        check_api_versions(connection.call(kafka.API_VERSIONS, version, body), version)
    elif key == 19:
        body = kafka.create_topics(f'made-{next(_numbers)}', partitions=3, configs={'segment.bytes': '2000000'})
        check_create_topics(connection.call(kafka.CREATE_TOPICS, version, body), version)
    elif key == 20:
        delete_some_topic(connection, version)
    elif key == 23:
        check_epochs(connection, version)
    elif key == 22:
        answer = connection.call(producers.INIT_PRODUCER_ID, version, producers.init_producer_id())
        assert (answer['error'], answer['producer_id'] >= 0, answer['producer_epoch']) == (0, True, 0), answer
    elif key == 61:
        check_describe_producers(connection, version)
    elif key in quotas.APIS:
        send_quotas_version(connection, version)
    elif key in groups.APIS:
        send_group_version(connection, key, version)
    elif key in admin.APIS:
        send_admin_version(connection, port, key, version)
    else:
        raise AssertionError(f'api {key} is advertised and not tested')


class Membership:
    """One member of a new group, in its first generation; `versions` chooses other versions of its requests."""

    def __init__(self, connection, **versions):
        self.connection, self.group = connection, f'group-{next(_numbers)}'
        version = versions.get('join', 3)
        joined = connection.call(groups.JOIN_GROUP, version, groups.join_group(self.group))
        if version >= 4:
            assert (joined['error'], joined['generation']) == (79, -1) and joined['member_id'].startswith('e2e-'), joined
            joined = connection.call(groups.JOIN_GROUP, version,
                                     groups.join_group(self.group, member_id=joined['member_id']))
        self.id = joined['member_id']
        assert (joined['error'], joined['generation'], joined['leader']) == (0, 1, self.id), joined
        assert [(member['member_id'], member['metadata']) for member in joined['members']] == [(self.id, b'topics')]
        assert joined['protocol_name'] == 'range' and joined.get('protocol_type', 'consumer') == 'consumer', joined
        assert not joined.get('skip_assignment')
        version = versions.get('sync', 3)
        synced = connection.call(groups.SYNC_GROUP, version, groups.sync_group(self.group, 1, self.id, {self.id: b'mine'}))
        assert (synced['error'], synced['assignment']) == (0, b'mine'), synced
        assert version < 5 or (synced['protocol_type'], synced['protocol_name']) == ('consumer', 'range'), synced

    def leave(self, version=3):
        left = self.connection.call(groups.LEAVE_GROUP, version, groups.leave_group(self.group, self.id))
        assert left['error'] == 0, left
        assert version < 3 or [(one['member_id'], one['error']) for one in left['members']] == [(self.id, 0)], left

    def commit(self, version=3):
        answer = self.connection.call(groups.OFFSET_COMMIT, version, groups.offset_commit(
            self.group, _TOPIC, {0: 1}, generation=1, member_id=self.id, metadata='here'))
        assert kafka.only_partition(answer)['error'] == 0, answer


def send_group_version(connection, key, version):
    if key in (68, 69):
        return send_consumer_version(connection, key, version)
    member = Membership(connection, **{{11: 'join', 14: 'sync'}.get(key, 'other'): version})
    if key == 8:
        member.commit(version)
    elif key == 9:
        member.commit()
        for topic in (_TOPIC, None):
            if topic is None and version < 2:
                continue
            answer = connection.call(groups.OFFSET_FETCH, version, groups.offset_fetch(member.group, topic, [0]))
            found = answer if version < 8 else answer['groups'][0]
            place = kafka.only_partition(found)
            assert (found.get('error', 0), place['offset'], place['metadata'], place['error']) == (0, 1, 'here', 0), answer
    elif key == 12:
        answer = connection.call(groups.HEARTBEAT, version, groups.heartbeat(member.group, 1, member.id))
        assert answer['error'] == 0
    elif key == 13:
        return member.leave(version)
    elif key == 15:
        body = {'groups': [member.group, 'nowhere'], 'include_operations': True}
        found, none = connection.call(groups.DESCRIBE_GROUPS, version, body)['groups']
        assert (found['error'], found['state'], found['protocol_type'], found['protocol_name']) == (
            0, 'Stable', 'consumer', 'range'), found
        (one,) = found['members']
        assert (one['member_id'], one['client_id'], one['client_host'], one['metadata'], one['assignment']) == (
            member.id, 'e2e', '/127.0.0.1', b'topics', b'mine'), one
        assert (none['error'], none['state'], none['members']) == (0 if version < 6 else 69, 'Dead', []), none
        assert version < 3 or found['operations'] == 1 << 3 | 1 << 6 | 1 << 8
    elif key == 16:
        answer = connection.call(groups.LIST_GROUPS, version, {'states': ['stable'], 'types': ['classic']})
        (found,) = [one for one in answer['groups'] if one['group'] == member.group]
        assert (answer['error'], found['protocol_type'], found.get('state', 'Stable'), found.get('type', 'classic')) == (
            0, 'consumer', 'Stable', 'classic'), found
    elif key == 42:
        member.leave()
        answer = connection.call(groups.DELETE_GROUPS, version, {'groups': [member.group, 'nowhere']})
        assert [one['error'] for one in answer['groups']] == [0, 69], answer
        return None
    elif key == 47:
        body = {'group': member.group, 'topics': [{'name': _TOPIC, 'partitions': [0, 9]}]}
        member.commit()
        answer = connection.call(groups.OFFSET_DELETE, version, body)
        assert [part['error'] for part in answer['topics'][0]['partitions']] == [86, 3], answer
        member.leave()
        answer = connection.call(groups.OFFSET_DELETE, version, body)
        assert [part['error'] for part in answer['topics'][0]['partitions']] == [0, 3], answer
        answer = connection.call(groups.OFFSET_FETCH, 5, groups.offset_fetch(member.group))
        assert (answer['error'], answer['topics']) == (0, []), answer
        return None
    return member.leave()


def send_consumer_version(connection, key, version):
    group = f'consumers-{next(_numbers)}'
    # The first version has no regular expressions, and members get their ids.
    names, pattern, member_id = ([_TOPIC], None, '') if version == 0 else (None, f'{_TOPIC}|x', 'mine')
    body = groups.consumer_heartbeat(group, member_id, 0, names, {}, 30_000, pattern=pattern, assignor='range')
    joined = connection.call(groups.CONSUMER_HEARTBEAT, version if key == 68 else 1,
                             {**body, 'member_id': member_id if key == 68 else 'mine'})
    assert (joined['error'], joined['error_message'], joined['epoch'], joined['interval_ms']) == (0, None, 1, 5000), joined
    assert joined['member_id'] and member_id in ('', joined['member_id']), joined
    (topic,) = joined['assignment']['topics']
    assert topic['partitions'] == [0], joined
    if key == 69:
        found, none = connection.call(groups.CONSUMER_DESCRIBE, version, {
            'groups': [group, 'nowhere'], 'include_operations': True})['groups']
        assert (found['error'], found['state'], found['epoch'], found['target_epoch'], found['assignor']) == (
            0, 'Stable', 1, 1, 'range'), found
        (member,) = found['members']
        assert (member['member_id'], member['epoch'], member['client_id'], member['client_host'], member['topics'],
                member['pattern'], member.get('type', 1)) == (
            'mine', 1, 'e2e', '/127.0.0.1', names or [], pattern, 1), member
        assert member['assignment'] == member['target'] == {'topics': [{**topic, 'name': _TOPIC}]}, member
        assert found['operations'] == 1 << 3 | 1 << 6 | 1 << 8
        assert (none['error'], none['members']) == (69, []), none
    body = groups.consumer_heartbeat(group, joined['member_id'], -1)
    left = connection.call(groups.CONSUMER_HEARTBEAT, version if key == 68 else 1, body)
    assert (left['error'], left['epoch'], left['assignment']) == (0, -1, None), left


def delete_some_topic(connection, version):
    names = [f'gone-{next(_numbers)}' for _ in range(2)]
    made = connection.call(kafka.CREATE_TOPICS, 7, kafka.create_topics(*names))['topics']
    body = kafka.delete_topics(*names)
    body['topics'] = [{'name': names[0], 'id': bytes(16)}, {'name': None, 'id': made[1]['id']}]
    answer = connection.call(kafka.DELETE_TOPICS, version, body)
    assert [(topic['name'], topic['error']) for topic in answer['topics']] == [(name, 0) for name in names], answer
    assert version < 6 or [topic['id'] for topic in answer['topics']] == [topic['id'] for topic in made]
    left = connection.call(kafka.METADATA, 4, kafka.metadata(None))['topics']
    assert not {topic['name'] for topic in left} & set(names)


@cases.case()
def every_version(bystander):
    """Every advertised version of every request is served"""
    server = bystander.server
    with server.connect() as connection:
        connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC]))
        connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {0: encode_batch([b'one', b'two'])}))
        apis = connection.call(kafka.API_VERSIONS, 0, {})['apis']
        assert [api['key'] for api in apis] == sorted(kafka.APIS)
        failures = []
        for api in apis:
            for version in range(api['first'], api['last'] + 1):
                if (api['key'], version) in _ADVERTISED_ONLY:
                    continue
                try:
                    send_version(connection, server.port, api['key'], version)
                except Exception as error:  # all of them are of interest
                    failures.append(f'{kafka.APIS[api["key"]].name} v{version}: {error!r}')
                    connection = server.connect()
        assert not failures, '\n'.join(failures)
    bystander.check()


@cases.case()
def all_topics_and_none(bystander):
    """Metadata asks for all topics with an empty list in version 0, with null later, when an empty list asks for none"""
    with bystander.server.connect() as connection:
        connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC]))
        everything = {topic['name'] for topic in connection.call(kafka.METADATA, 0, kafka.metadata([]))['topics']}
        assert {_TOPIC, 'bystander'} <= everything
        for version in range(1, 13):
            found = connection.call(kafka.METADATA, version, kafka.metadata(None))['topics']
            assert {topic['name'] for topic in found} == everything
            assert connection.call(kafka.METADATA, version, kafka.metadata([]))['topics'] == []


@cases.case()
def topics_by_id(bystander):
    """Metadata tells topic ids since version 10 and finds topics by them since version 12"""
    with bystander.server.connect() as connection:
        (made,) = connection.call(kafka.METADATA, 12, kafka.metadata([_TOPIC]))['topics']
        body = kafka.metadata([], ids=[made['id'], b'x' * 16, bytes(16)])
        found, unknown, none = connection.call(kafka.METADATA, 12, body)['topics']
        assert found == made
        assert (unknown['error'], unknown['name'], unknown['id']) == (100, None, b'x' * 16), unknown
        assert none['error'] == 42, none
        for version in (10, 11):
            parts = connection.call(kafka.METADATA, version, body)['topics']
            assert [(part['error'], part['name']) for part in parts] == [(42, '')] * 3, parts


if __name__ == '__main__':
    sys.exit(cases.main())
