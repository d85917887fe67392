"""Administrators who send nonsense: null and empty lists, duplicates, unknown resources, huge counts and names."""
import sys

import kafka_admin_messages as admin
import kafka_messages as kafka
from administration import BROKER, TOPIC, alter, error_of, make
from cases import Cases
from healthy import bystander
from kafka_wire import encode_batch

cases = Cases(bystander)

_TOPIC = 'administered'
_HUGE = 'x' * 30_000


def prepared(bystander):
    connection = bystander.server.connect()
    found = connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC], create=False))['topics'][0]
    if found['error']:
        make(connection, _TOPIC, partitions=2)
        connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {0: encode_batch([b'one'])}))
    return connection


@cases.case()
def empty_and_null(bystander):
    """Lists that are empty or null are answered by nothing, or by everything where that is their meaning"""
    with prepared(bystander) as connection:
        call = connection.call
        assert call(admin.DESCRIBE_CONFIGS, 4, admin.describe_configs())['results'] == []
        (none,) = call(admin.DESCRIBE_CONFIGS, 4, admin.describe_configs((TOPIC, _TOPIC, [])))['results']
        assert (none['error'], none['configs']) == (0, [])
        (none,) = call(admin.DESCRIBE_CONFIGS, 4, admin.describe_configs((TOPIC, _TOPIC, ['no.such', ''])))['results']
        assert (none['error'], none['configs']) == (0, [])
        assert call(admin.ALTER_CONFIGS, 2, {'resources': [], 'validate_only': False})['results'] == []
        assert call(admin.INCREMENTAL_ALTER_CONFIGS, 1, {'resources': [], 'validate_only': False})['results'] == []
        assert call(admin.DELETE_RECORDS, 2, {'topics': [], 'timeout_ms': 0})['topics'] == []
        assert call(admin.CREATE_PARTITIONS, 3, {'topics': [], 'timeout_ms': 0, 'validate_only': False})['results'] == []
        (directory,) = call(admin.DESCRIBE_LOG_DIRS, 4, {'topics': []})['results']
        assert directory['topics'] == []
        (directory,) = call(admin.DESCRIBE_LOG_DIRS, 4, {'topics': None})['results']
        sizes = {(topic['name'], part['index']): part['size']
                 for topic in directory['topics'] for part in topic['partitions']}
        assert sizes[_TOPIC, 0] > 0 and sizes[_TOPIC, 1] == 0 and sizes['bystander', 0] > 0, sizes
        for topics in ([], None):
            body = {'election_type': 0, 'topics': topics, 'timeout_ms': 0}
            assert call(admin.ELECT_LEADERS, 2, body)['topics'] == []
            assert call(admin.LIST_PARTITION_REASSIGNMENTS, 0, {'topics': topics, 'timeout_ms': 0})['topics'] == []
        assert call(admin.ALTER_PARTITION_REASSIGNMENTS, 0, {'topics': [], 'timeout_ms': 0})['topics'] == []
    bystander.check()


@cases.case()
def unknown(bystander):
    """Resources, topics and partitions that are not there are refused by their code"""
    with prepared(bystander) as connection:
        call = connection.call
        resources = [(TOPIC, 'nowhere'), (TOPIC, ''), (TOPIC, _HUGE), (BROKER, '0'), (BROKER, '99999999999999999999'),
                     (BROKER, '1 '), (admin.LOGGER, '1'), (0, ''), (-128, _TOPIC), (16, 'm'), (32, 'g')]
        answer = call(admin.DESCRIBE_CONFIGS, 4, admin.describe_configs(*resources))
        assert [one['error'] for one in answer['results']] == [3, 17, 17] + [42] * 8, answer
        for name, offsets, codes in (('nowhere', {0: 0}, [3]), (_TOPIC, {2: 0, -1: 0, 1 << 30: 0}, [3] * 3),
                                     (_TOPIC, {0: 1 << 62, 1: -(1 << 63)}, [1, 1])):
            answer = call(admin.DELETE_RECORDS, 2, admin.delete_records(name, offsets))
            assert [part['error'] for part in answer['topics'][0]['partitions']] == codes, answer
        for nodes, code in ((None, 85), ([], 39), ([2], 39), ([1, 1], 39), ([1], 0)):
            answer = call(admin.ALTER_PARTITION_REASSIGNMENTS, 0, admin.reassign(_TOPIC, {0: nodes, -1: nodes}))
            assert [part['error'] for part in answer['topics'][0]['partitions']] == [code, 3], answer
        body = {'election_type': 5, 'topics': [{'name': _TOPIC, 'partitions': [0]}], 'timeout_ms': 0}
        assert call(admin.ELECT_LEADERS, 2, body)['error'] == 42
        for endpoint, code in ((2, 114), (3, 115), (-1, 115)):
            answer = call(admin.DESCRIBE_CLUSTER, 1, {'include_operations': False, 'endpoint_type': endpoint})
            assert (answer['error'], answer['brokers']) == (code, []), answer
        for cursor in ({'name': 'zzz', 'index': 0}, {'name': _TOPIC, 'index': 1 << 30}, {'name': _TOPIC, 'index': -5}):
            body = {'topics': [{'name': _TOPIC}, {'name': _TOPIC}, {'name': ''}], 'limit': -7, 'cursor': cursor}
            answer = call(admin.DESCRIBE_TOPIC_PARTITIONS, 0, body)
            assert len(answer['topics']) <= 1, answer
    bystander.check()


@cases.case()
def growth(bystander):
    """Partitions are created within bounds only, once per topic, and on this node"""
    with prepared(bystander) as connection:
        for count, assignments, code in ((2, None, 37), (1, None, 37), (0, None, 37), (-1, None, 37), (-(1 << 31), None, 37),
                                         (100_001, None, 37), ((1 << 31) - 1, None, 37), (3, [], 39), (3, [[1], [1]], 39),
                                         (3, [[2]], 39), (3, [[]], 39), (3, [[1, 1]], 39)):
            answer = connection.call(admin.CREATE_PARTITIONS, 3, admin.create_partitions(_TOPIC, count, assignments))
            assert error_of(answer) == code, (count, assignments, answer)
        for name, code in (('nowhere', 3), ('', 3), (_HUGE, 3)):
            assert error_of(connection.call(admin.CREATE_PARTITIONS, 3, admin.create_partitions(name, 3))) == code
        body = admin.create_partitions(_TOPIC, 3)
        body['topics'] *= 2
        answer = connection.call(admin.CREATE_PARTITIONS, 3, body)
        assert [one['error'] for one in answer['results']] == [42, 42], answer
        answer = connection.call(admin.CREATE_PARTITIONS, 3, admin.create_partitions(_TOPIC, 9, validate_only=True))
        assert error_of(answer) == 0
        (topic,) = connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC]))['topics']
        assert len(topic['partitions']) == 2
    bystander.check()


@cases.case()
def large(bystander):
    """Huge names, values and lists are refused in few words, and cost no lasting memory"""
    with prepared(bystander) as connection:
        for values in ({_HUGE: '1'}, {'flush.ms': _HUGE}, {'cleanup.policy': ','.join(['delete'] * 4000)},
                       {'leader.replication.throttled.replicas': (','.join(f'{i}:1' for i in range(4000)), admin.APPEND)},
                       {f'no.such.{i}': '1' for i in range(2_000)}):
            answer = alter(connection, _TOPIC, values)
            (result,) = answer['results']
            assert result['error'] == 40 or next(iter(values)) == 'cleanup.policy', result
            assert len(result['message'] or '') < 400, result
        resources = [(TOPIC, _TOPIC)] + [(TOPIC, _TOPIC), (BROKER, '1')] * 2_000
        answer = connection.call(admin.DESCRIBE_CONFIGS, 4, admin.describe_configs(*resources))
        codes = [one['error'] for one in answer['results']]
        assert codes[0] == 0 and codes[2] == 0 and set(codes[3:]) == {42}
        body = admin.delete_records(_TOPIC, {0: 5})
        body['topics'] *= 2_000
        answer = connection.call(admin.DELETE_RECORDS, 2, body)
        assert {part['error'] for topic in answer['topics'] for part in topic['partitions']} == {1}
    bystander.check()


if __name__ == '__main__':
    sys.exit(cases.main())
