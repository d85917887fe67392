"""Layouts of the Kafka messages that administer topics and brokers, one Api each."""
from kafka_wire import Api, Field

_RESOURCE = [Field('type', 'int8'), Field('name', 'string')]

_REFUSABLE = [Field('error', 'int16'), Field('message', 'string', nullable=0)]

DELETE_RECORDS = Api(
    'DeleteRecords', 21, 2,
    [Field('topics', ([
        Field('name', 'string'),
        Field('partitions', ([Field('index', 'int32'), Field('offset', 'int64')],)),
    ],)),
     Field('timeout_ms', 'int32')],
    [Field('throttle_ms', 'int32'),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([Field('index', 'int32'), Field('low_watermark', 'int64'), Field('error', 'int16')],)),
     ],))])

DESCRIBE_CONFIGS = Api(
    'DescribeConfigs', 32, 4,
    [Field('resources', (_RESOURCE + [Field('keys', ('string',), nullable=0)],)),
     Field('synonyms', 'bool', since=1),
     Field('documentation', 'bool', since=3)],
    [Field('throttle_ms', 'int32'),
     Field('results', (_REFUSABLE + _RESOURCE + [
         Field('configs', ([
             Field('name', 'string'),
             Field('value', 'string', nullable=0),
             Field('read_only', 'bool'),
             Field('is_default', 'bool', until=0),
             Field('source', 'int8', since=1),
             Field('sensitive', 'bool'),
             Field('synonyms', ([
                 Field('name', 'string'),
                 Field('value', 'string', nullable=0),
                 Field('source', 'int8'),
             ],), since=1),
             Field('config_type', 'int8', since=3),
             Field('documentation', 'string', since=3, nullable=3),
         ],)),
     ],))])

_ALTERED = [Field('throttle_ms', 'int32'), Field('results', (_REFUSABLE + _RESOURCE,))]

ALTER_CONFIGS = Api(
    'AlterConfigs', 33, 2,
    [Field('resources', (_RESOURCE + [
        Field('configs', ([Field('name', 'string'), Field('value', 'string', nullable=0)],)),
    ],)),
     Field('validate_only', 'bool')], _ALTERED)

INCREMENTAL_ALTER_CONFIGS = Api(
    'IncrementalAlterConfigs', 44, 1,
    [Field('resources', (_RESOURCE + [
        Field('configs', ([
            Field('name', 'string'),
            Field('operation', 'int8'),
            Field('value', 'string', nullable=0),
        ],)),
    ],)),
     Field('validate_only', 'bool')], _ALTERED)

DESCRIBE_LOG_DIRS = Api(
    'DescribeLogDirs', 35, 2,
    [Field('topics', ([Field('name', 'string'), Field('partitions', ('int32',))],), nullable=0)],
    [Field('throttle_ms', 'int32'),
     Field('error', 'int16', since=3),
     Field('results', ([
         Field('error', 'int16'),
         Field('directory', 'string'),
         Field('topics', ([
             Field('name', 'string'),
             Field('partitions', ([
                 Field('index', 'int32'),
                 Field('size', 'int64'),
                 Field('offset_lag', 'int64'),
                 Field('is_future', 'bool'),
             ],)),
         ],)),
         Field('total', 'int64', since=4),
         Field('usable', 'int64', since=4),
     ],))])

CREATE_PARTITIONS = Api(
    'CreatePartitions', 37, 2,
    [Field('topics', ([
        Field('name', 'string'),
        Field('count', 'int32'),
        Field('assignments', ([Field('nodes', ('int32',))],), nullable=0),
    ],)),
     Field('timeout_ms', 'int32'),
     Field('validate_only', 'bool')],
    [Field('throttle_ms', 'int32'), Field('results', ([Field('name', 'string')] + _REFUSABLE,))])

ELECT_LEADERS = Api(
    'ElectLeaders', 43, 2,
    [Field('election_type', 'int8', since=1),
     Field('topics', ([Field('name', 'string'), Field('partitions', ('int32',))],), nullable=0),
     Field('timeout_ms', 'int32')],
    [Field('throttle_ms', 'int32'),
     Field('error', 'int16', since=1),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([Field('index', 'int32')] + _REFUSABLE,)),
     ],))])

ALTER_PARTITION_REASSIGNMENTS = Api(
    'AlterPartitionReassignments', 45, 0,
    [Field('timeout_ms', 'int32'),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([Field('index', 'int32'), Field('nodes', ('int32',), nullable=0)],)),
     ],))],
    [Field('throttle_ms', 'int32')] + _REFUSABLE + [
        Field('topics', ([
            Field('name', 'string'),
            Field('partitions', ([Field('index', 'int32')] + _REFUSABLE,)),
        ],))])

LIST_PARTITION_REASSIGNMENTS = Api(
    'ListPartitionReassignments', 46, 0,
    [Field('timeout_ms', 'int32'),
     Field('topics', ([Field('name', 'string'), Field('partitions', ('int32',))],), nullable=0)],
    [Field('throttle_ms', 'int32')] + _REFUSABLE + [
        Field('topics', ([
            Field('name', 'string'),
            Field('partitions', ([
                Field('index', 'int32'),
                Field('nodes', ('int32',)),
                Field('adding', ('int32',)),
                Field('removing', ('int32',)),
            ],)),
        ],))])

DESCRIBE_CLUSTER = Api(
    'DescribeCluster', 60, 0,
    [Field('include_operations', 'bool'), Field('endpoint_type', 'int8', since=1)],
    [Field('throttle_ms', 'int32')] + _REFUSABLE + [
        Field('endpoint_type', 'int8', since=1),
        Field('cluster_id', 'string'),
        Field('controller_id', 'int32'),
        Field('brokers', ([
            Field('node_id', 'int32'),
            Field('host', 'string'),
            Field('port', 'int32'),
            Field('rack', 'string', nullable=0),
        ],)),
        Field('operations', 'int32')])

_CURSOR = [Field('name', 'string'), Field('index', 'int32')]

DESCRIBE_TOPIC_PARTITIONS = Api(
    'DescribeTopicPartitions', 75, 0,
    [Field('topics', ([Field('name', 'string')],)),
     Field('limit', 'int32'),
     Field('cursor', _CURSOR, nullable=0)],
    [Field('throttle_ms', 'int32'),
     Field('topics', ([
         Field('error', 'int16'),
         Field('name', 'string', nullable=0),
         Field('id', 'uuid'),
         Field('is_internal', 'bool'),
         Field('partitions', ([
             Field('error', 'int16'),
             Field('index', 'int32'),
             Field('leader', 'int32'),
             Field('leader_epoch', 'int32'),
             Field('replicas', ('int32',)),
             Field('isr', ('int32',)),
             Field('eligible', ('int32',), nullable=0),
             Field('last_known', ('int32',), nullable=0),
             Field('offline', ('int32',)),
         ],)),
         Field('operations', 'int32'),
     ],)),
     Field('cursor', _CURSOR, nullable=0)])

APIS = {api.key: api for api in (DELETE_RECORDS, DESCRIBE_CONFIGS, ALTER_CONFIGS, DESCRIBE_LOG_DIRS, CREATE_PARTITIONS,
                                 ELECT_LEADERS, INCREMENTAL_ALTER_CONFIGS, ALTER_PARTITION_REASSIGNMENTS,
                                 LIST_PARTITION_REASSIGNMENTS, DESCRIBE_CLUSTER, DESCRIBE_TOPIC_PARTITIONS)}

TOPIC, BROKER, LOGGER = 2, 4, 8
SET, DELETE, APPEND, SUBTRACT = range(4)


def delete_records(name, offsets):
    return {'timeout_ms': 1000, 'topics': [
        {'name': name, 'partitions': [{'index': index, 'offset': offset} for index, offset in offsets.items()]}]}


def describe_configs(*resources):
    """Each: type, name, and the names of the configs; without them all."""
    return {'synonyms': True, 'documentation': True, 'resources': [
        {'type': kind, 'name': name, 'keys': keys[0] if keys else None} for kind, name, *keys in resources]}


def alter_configs(name, values, kind=TOPIC, validate_only=False):
    """For both ways. `values`: by name, alone or in a pair with the operation."""
    configs = []
    for key, value in values.items():
        value, operation = value if isinstance(value, tuple) else (value, SET)
        configs.append({'name': key, 'value': value, 'operation': operation})
    return {'validate_only': validate_only, 'resources': [{'type': kind, 'name': name, 'configs': configs}]}


def create_partitions(name, count, assignments=None, validate_only=False):
    return {'timeout_ms': 1000, 'validate_only': validate_only, 'topics': [
        {'name': name, 'count': count,
         'assignments': None if assignments is None else [{'nodes': nodes} for nodes in assignments]}]}


def reassign(name, nodes):
    return {'timeout_ms': 1000, 'topics': [
        {'name': name, 'partitions': [{'index': index, 'nodes': to} for index, to in nodes.items()]}]}


def configs_of(connection, name, kind=TOPIC):
    """By name."""
    (result,) = connection.call(DESCRIBE_CONFIGS, 4, describe_configs((kind, name)))['results']
    assert result['error'] == 0, result
    return {config['name']: config for config in result['configs']}
