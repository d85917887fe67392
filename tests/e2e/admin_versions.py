"""Each version of the requests of administrators, for versions_test.py: sent once, with what its answer should say."""
import itertools

import kafka_admin_messages as admin
import kafka_messages as kafka
import kafka_quota_messages as quotas
from kafka_wire import encode_batch

_numbers = itertools.count()


def send_quotas_version(connection, version):
    entity = {'client-id': f'client-{next(_numbers)}'}
    answer = connection.call(quotas.ALTER_CLIENT_QUOTAS, version,
                             quotas.alter_client_quotas(entity, {'consumer_byte_rate': 2048.0}))
    assert [entry['error'] for entry in answer['entries']] == [0], answer
    body = quotas.describe_client_quotas(*entity.items())
    (entry,) = connection.call(quotas.DESCRIBE_CLIENT_QUOTAS, version, body)['entries']
    assert entry['values'] == [{'key': 'consumer_byte_rate', 'value': 2048.0}], entry
    connection.call(quotas.ALTER_CLIENT_QUOTAS, version, quotas.alter_client_quotas(entity, {'consumer_byte_rate': None}))
    assert connection.call(quotas.DESCRIBE_CLIENT_QUOTAS, version, body)['entries'] == []


def send_admin_version(connection, port, key, version):
    name = f'administered-{next(_numbers)}'
    made = connection.call(kafka.CREATE_TOPICS, 7, kafka.create_topics(name, configs={'flush.ms': '7'}))['topics'][0]
    connection.call(kafka.PRODUCE, 7, kafka.produce(name, {0: encode_batch([b'one', b'two'])}))
    if key == 21:
        answer = connection.call(admin.DELETE_RECORDS, version, admin.delete_records(name, {0: 1, 1: -1}))
        found = [(part['index'], part['low_watermark'], part['error']) for part in answer['topics'][0]['partitions']]
        assert found == [(0, 1, 0), (1, -1, 3)], answer
    elif key == 32:
        answer = connection.call(admin.DESCRIBE_CONFIGS, version, admin.describe_configs((2, name, ['flush.ms']), (2, name + 'x')))
        found, none = answer['results']
        assert (found['error'], found['type'], found['name'], none['error'], none['configs']) == (0, 2, name, 3, []), answer
        (config,) = found['configs']
        assert (config['name'], config['value'], config['read_only'], config['sensitive']) == ('flush.ms', '7', False, False)
        if version == 0:
            assert config['is_default'] is False
        else:
            assert config['source'] == 1 and config['synonyms'][0] == {'name': 'flush.ms', 'value': '7', 'source': 1}, config
        assert version < 3 or (config['config_type'] == 5 and config['documentation'])
    elif key in (33, 44):
        api = admin.ALTER_CONFIGS if key == 33 else admin.INCREMENTAL_ALTER_CONFIGS
        body = admin.alter_configs(name, {'flush.ms': '8'})
        answer = connection.call(api, version, body)['results']
        assert [(one['error'], one['message'], one['type'], one['name']) for one in answer] == [(0, None, 2, name)], answer
        assert admin.configs_of(connection, name)['flush.ms']['value'] == '8'
    elif key == 35:
        answer = connection.call(admin.DESCRIBE_LOG_DIRS, version, {'topics': [{'name': name, 'partitions': [0]}]})
        (directory,) = answer['results']
        ((topic,),) = [directory['topics']]
        assert (answer.get('error', 0), directory['error'], topic['name'], len(topic['partitions'])) == (0, 0, name, 1)
        part = topic['partitions'][0]
        assert (part['index'], part['offset_lag'], part['is_future']) == (0, 0, False) and 70 < part['size'] < 2000, part
        assert version < 4 or directory['usable'] > 0
    elif key == 37:
        answer = connection.call(admin.CREATE_PARTITIONS, version, admin.create_partitions(name, 3))
        assert [(one['name'], one['error'], one['message']) for one in answer['results']] == [(name, 0, None)], answer
        (topic,) = connection.call(kafka.METADATA, 4, kafka.metadata([name]))['topics']
        assert len(topic['partitions']) == 3
    elif key == 43:
        body = {'election_type': 0, 'topics': [{'name': name, 'partitions': [0, 1]}], 'timeout_ms': 1000}
        answer = connection.call(admin.ELECT_LEADERS, version, body)
        assert [part['error'] for part in answer['topics'][0]['partitions']] == [84, 3], answer
    elif key == 45:
        node = connection.call(kafka.METADATA, 4, kafka.metadata([]))['brokers'][0]['node_id']
        body = admin.reassign(name, {0: [node], 1: [node]})
        answer = connection.call(admin.ALTER_PARTITION_REASSIGNMENTS, version, body)
        assert [part['error'] for part in answer['topics'][0]['partitions']] == [0, 3], answer
    elif key == 46:
        answer = connection.call(admin.LIST_PARTITION_REASSIGNMENTS, version, {'timeout_ms': 1000, 'topics': None})
        assert (answer['error'], answer['topics']) == (0, []), answer
    elif key == 60:
        answer = connection.call(admin.DESCRIBE_CLUSTER, version, {'include_operations': True, 'endpoint_type': 1})
        (broker,) = answer['brokers']
        assert (answer['error'], broker['port'], broker['node_id']) == (0, port, answer['controller_id']), answer
        assert answer['cluster_id'] and answer['operations'] > 0
    elif key == 75:
        body = {'topics': [{'name': name}], 'limit': 10, 'cursor': None}
        answer = connection.call(admin.DESCRIBE_TOPIC_PARTITIONS, version, body)
        (topic,) = answer['topics']
        assert (topic['error'], topic['name'], topic['id'], answer['cursor']) == (0, name, made['id'], None), answer
        assert [part['index'] for part in topic['partitions']] == [0]
    else:
        raise AssertionError(f'api {key} is advertised and not tested')
