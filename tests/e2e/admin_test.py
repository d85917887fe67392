"""Topics and the node are described, altered and grown as an administrator does it, and it takes effect at once, and
stays over a restart."""
import sys
import time

from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

import kafka_admin_messages as admin
import kafka_messages as kafka
from administration import BROKER, TOPIC, alter, error_of, make
from cases import Cases
from kafka_wire import encode_batch
from server import data_directory, running_server

cases = Cases()


@cases.case()
def librdkafka(programs):
    """AdminClient makes, describes, alters and grows a topic"""
    with running_server(programs) as server:
        client = AdminClient({'bootstrap.servers': server.address()})
        client.create_topics([NewTopic('t', 2, 1, config={'retention.ms': '5000'})])['t'].result(10)
        resource = ConfigResource(ConfigResource.Type.TOPIC, 't')
        found = client.describe_configs([resource])[resource].result(10)
        assert len(found) >= 33 and found['retention.ms'].value == '5000', found
        assert found['segment.bytes'].is_default and not found['retention.ms'].is_default
        altered = ConfigResource(ConfigResource.Type.TOPIC, 't', set_config={'max.message.bytes': '2000'})
        client.alter_configs([altered])[altered].result(10)
        found = client.describe_configs([resource])[resource].result(10)
        assert (found['max.message.bytes'].value, found['retention.ms'].value) == ('2000', '604800000')
        client.create_partitions([NewPartitions('t', 5)])['t'].result(10)
        assert len(client.list_topics('t', 10).topics['t'].partitions) == 5
        broker = ConfigResource(ConfigResource.Type.BROKER, '1')
        found = client.describe_configs([broker])[broker].result(10)
        assert found['log.retention.hours'].value == '168' and found['num.partitions'].is_read_only


@cases.case()
def effect_and_restart(programs):
    """An alteration takes effect at once, and is there after a kill"""
    with data_directory() as directory, running_server(programs, directory / 'data') as server:
        with server.connect() as connection:
            make(connection, 't', **{'flush.ms': '7'})
            batch = encode_batch([b'x' * 3000])
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce('t', {0: batch}))
            assert kafka.only_partition(answer)['error'] == 0
            assert error_of(alter(connection, 't', {'max.message.bytes': '2000'})) == 0
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce('t', {0: batch}))
            assert kafka.only_partition(answer)['error'] == 10, answer
            answer = connection.call(admin.CREATE_PARTITIONS, 3, admin.create_partitions('t', 4, [[1]] * 3))
            assert answer['results'][0]['error'] == 0, answer
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce('t', {3: encode_batch([b'y'])}))
            assert kafka.only_partition(answer)['error'] == 0, answer
        server.kill()
        server.start()
        with server.connect() as connection:
            configs = admin.configs_of(connection, 't')
            assert (configs['max.message.bytes']['value'], configs['flush.ms']['value']) == ('2000', '7')
            assert len(connection.call(kafka.METADATA, 4, kafka.metadata(['t']))['topics'][0]['partitions']) == 4
            answer = connection.call(kafka.LIST_OFFSETS, 1, kafka.list_offsets('t', {3: -1}))
            assert kafka.only_partition(answer)['offset'] == 1


@cases.case()
def operations(programs):
    """SET, DELETE, APPEND and SUBTRACT; AlterConfigs replaces all; validate_only changes nothing"""
    with running_server(programs) as server, server.connect() as connection:
        make(connection, 't', **{'flush.ms': '7'})
        replicas = 'leader.replication.throttled.replicas'

        def own():
            return {name: config['value'] for name, config in admin.configs_of(connection, 't').items()
                    if config['source'] == 1}

        assert error_of(alter(connection, 't', {'retention.ms': '9', replicas: ('0:1,1:1', admin.APPEND)})) == 0
        assert own() == {'flush.ms': '7', 'retention.ms': '9', replicas: '0:1,1:1'}
        assert error_of(alter(connection, 't', {'flush.ms': (None, admin.DELETE), replicas: ('0:1', admin.SUBTRACT)})) == 0
        assert own() == {'retention.ms': '9', replicas: '1:1'}
        for incremental in (True, False):
            answer = alter(connection, 't', {'segment.ms': '5'}, incremental=incremental, validate_only=True)
            assert error_of(answer) == 0 and own() == {'retention.ms': '9', replicas: '1:1'}
        assert error_of(alter(connection, 't', {'segment.ms': '5'}, incremental=False)) == 0
        assert own() == {'segment.ms': '5'}
        assert error_of(alter(connection, 't', {}, incremental=False)) == 0
        assert own() == {}


@cases.case()
def sources(programs):
    """Values come from the topic, the node, all nodes, the command line, or nobody; each with its synonyms"""
    options = ['--log.retention.hours=2', '--compression.type=producer']
    with data_directory() as directory, running_server(programs, directory / 'data', options=options) as server:
        with server.connect() as connection:
            make(connection, 't')

            def found():
                config = admin.configs_of(connection, 't')['retention.ms']
                return config['value'], config['source'], [(one['name'], one['source']) for one in config['synonyms']]

            static = [('log.retention.hours', 4), ('log.retention.hours', 5)]
            assert found() == ('7200000', 4, static), found()
            assert error_of(alter(connection, '', {'log.retention.ms': '3000000'}, BROKER)) == 0
            assert found() == ('3000000', 3, [('log.retention.ms', 3)] + static), found()
            assert error_of(alter(connection, '1', {'log.retention.ms': '4000000'}, BROKER)) == 0
            everything = [('log.retention.ms', 2), ('log.retention.ms', 3)] + static
            assert found() == ('4000000', 2, everything), found()
            assert error_of(alter(connection, 't', {'retention.ms': '5000000'})) == 0
            assert found() == ('5000000', 1, [('retention.ms', 1)] + everything), found()
            assert set(admin.configs_of(connection, '', BROKER)) == {'log.retention.ms'}
            broker = admin.configs_of(connection, '1', BROKER)
            assert (broker['log.retention.ms']['value'], broker['log.retention.ms']['source']) == ('4000000', 2)
            assert (broker['log.retention.hours']['value'], broker['log.retention.hours']['read_only']) == ('2', True)
            assert broker['compression.type']['source'] == 4 and broker['num.partitions']['source'] == 5
        server.kill()
        server.start()
        with server.connect() as connection:
            assert admin.configs_of(connection, 't')['retention.ms']['value'] == '5000000'
            make(connection, 'u')
            assert admin.configs_of(connection, 'u')['retention.ms']['value'] == '4000000'
            assert error_of(alter(connection, '1', {'log.retention.ms': (None, admin.DELETE)}, BROKER)) == 0
            assert error_of(alter(connection, '', {}, BROKER, incremental=False)) == 0
            assert admin.configs_of(connection, 'u')['retention.ms']['value'] == '7200000'


@cases.case()
def refused_alterations(programs):
    """What cannot be altered is refused, and nothing of the resource is altered"""
    with running_server(programs) as server, server.connect() as connection:
        make(connection, 't')
        for kind, name, values, code in (
                (TOPIC, 't', {'flush.ms': '7', 'no.such': '1'}, 40), (TOPIC, 't', {'flush.ms': '7', 'segment.ms': '0'}, 40),
                (TOPIC, 't', {'flush.ms': '7', 'preallocate': 'yes'}, 40), (TOPIC, 't', {'flush.ms': None}, 42),
                (TOPIC, 't', {'flush.ms': ('8', admin.APPEND)}, 40), (TOPIC, 't', {'flush.ms': ('8', 4)}, 42),
                (TOPIC, 't', {'flush.ms': ('8', -1)}, 42), (TOPIC, 'u', {'flush.ms': '7'}, 3),
                (BROKER, '2', {'log.retention.ms': '7'}, 42), (BROKER, 'x', {'log.retention.ms': '7'}, 42),
                (BROKER, '1', {'num.partitions': '7'}, 42), (BROKER, '', {'no.such': '7'}, 40),
                (BROKER, '1', {'log.retention.ms': 'x'}, 40), (admin.LOGGER, '1', {'root': 'INFO'}, 42),
                (0, '', {}, 42), (127, 't', {}, 42)):
            assert error_of(alter(connection, name, values, kind)) == code, (kind, name, values)
        body = admin.alter_configs('t', {'flush.ms': '7'})
        body['resources'][0]['configs'] *= 2
        assert error_of(connection.call(admin.INCREMENTAL_ALTER_CONFIGS, 1, body)) == 42
        body = admin.alter_configs('t', {'flush.ms': '7'})
        body['resources'] *= 2
        answer = connection.call(admin.INCREMENTAL_ALTER_CONFIGS, 1, body)
        assert [one['error'] for one in answer['results']] == [42, 42]
        assert admin.configs_of(connection, 't')['flush.ms']['source'] == 5


@cases.case()
def deleted_records(programs):
    """DeleteRecords moves the log's beginning, to the high watermark with -1, and the log directory shrinks"""
    with running_server(programs) as server, server.connect() as connection:
        make(connection, 't')
        for _ in range(4):
            connection.call(kafka.PRODUCE, 7, kafka.produce('t', {0: encode_batch([b'x' * 1000])}))

        def delete(offset):
            part = kafka.only_partition(connection.call(admin.DELETE_RECORDS, 2, admin.delete_records('t', {0: offset})))
            return part['low_watermark'], part['error']

        assert [delete(2), delete(1), delete(5), delete(-2)] == [(2, 0), (2, 0), (-1, 1), (-1, 1)]
        answer = connection.call(kafka.FETCH, 11, kafka.fetch('t', {0: 1}))
        assert kafka.only_partition(answer)['error'] == 1
        assert delete(-1) == (4, 0)
        answer = connection.call(kafka.LIST_OFFSETS, 1, kafka.list_offsets('t', {0: -2}))
        assert kafka.only_partition(answer)['offset'] == 4


@cases.case()
def pages_of_partitions(programs):
    """DescribeTopicPartitions goes on where its cursor says, over topics and within them"""
    with running_server(programs) as server, server.connect() as connection:
        for name, count in (('a', 3), ('b', 4), ('c', 1)):
            make(connection, name, partitions=count)
        cursor, seen, pages = None, [], 0
        while True:
            answer = connection.call(admin.DESCRIBE_TOPIC_PARTITIONS, 0, {'topics': [], 'limit': 2, 'cursor': cursor})
            seen += [(topic['name'], part['index']) for topic in answer['topics'] for part in topic['partitions']]
            cursor, pages = answer['cursor'], pages + 1
            if cursor is None:
                break
        assert seen == [(n, i) for n, count in (('a', 3), ('b', 4), ('c', 1)) for i in range(count)], seen
        assert pages == 4, pages


@cases.case()
def switches(programs):
    """Properties of the node do what they say: deleting, making topics, idle connections, large requests, node id"""
    options = ['--delete.topic.enable=false', '--auto.create.topics.enable=false', '--connections.max.idle.ms=300',
               '--socket.request.max.bytes=5000', '--broker.id=7', '--num.partitions=3', '--log.cleanup.policy=delete']
    with running_server(programs, options=options) as server:
        with server.connect() as connection:
            make(connection, 't', partitions=-1)
            (topic,) = connection.call(kafka.METADATA, 4, kafka.metadata(['t']))['topics']
            assert [part['leader'] for part in topic['partitions']] == [7, 7, 7]
            assert connection.call(kafka.METADATA, 4, kafka.metadata(['u']))['topics'][0]['error'] == 3
            assert connection.call(kafka.DELETE_TOPICS, 4, kafka.delete_topics('t'))['topics'][0]['error'] == 73
            assert admin.configs_of(connection, '7', BROKER)['broker.id']['value'] == '7'
        for trigger in ('silence', 'size'):
            with server.connect() as connection:
                began = time.monotonic()
                if trigger == 'size':
                    connection.socket.sendall((5001).to_bytes(4, 'big'))
                connection.socket.settimeout(20)
                assert connection.socket.recv(1) == b''
                assert trigger == 'size' or time.monotonic() - began > 0.25


if __name__ == '__main__':
    sys.exit(cases.main())
