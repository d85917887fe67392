"""Layouts of the Kafka messages the tests use, one Api each."""
import kafka_admin_messages as admin
import kafka_group_messages as groups
import kafka_producer_messages as producers
import kafka_quota_messages as quotas
from kafka_wire import Api, Field

PRODUCE = Api(
    'Produce', 0, 9,
    [Field('transactional_id', 'string', since=3, nullable=3),
     Field('acks', 'int16'),
     Field('timeout_ms', 'int32'),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([Field('index', 'int32'), Field('records', 'records')],)),
     ],))],
    [Field('topics', ([
        Field('name', 'string'),
        Field('partitions', ([
            Field('index', 'int32'),
            Field('error', 'int16'),
            Field('base_offset', 'int64'),
            Field('log_append_time', 'int64', since=2),
            Field('log_start_offset', 'int64', since=5),
            Field('record_errors', ([Field('index', 'int32'), Field('message', 'string', nullable=8)],), since=8),
            Field('error_message', 'string', since=8, nullable=8),
        ],)),
    ],)),
     Field('throttle_ms', 'int32', since=1)])

FETCH = Api(
    'Fetch', 1, 12,
    [Field('replica_id', 'int32', until=14),
     Field('max_wait_ms', 'int32'),
     Field('min_bytes', 'int32'),
     Field('max_bytes', 'int32', since=3),
     Field('isolation_level', 'int8', since=4),
     Field('session_id', 'int32', since=7),
     Field('session_epoch', 'int32', since=7),
     Field('topics', ([
         Field('name', 'string', until=12),
         Field('id', 'uuid', since=13),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('leader_epoch', 'int32', since=9),
             Field('offset', 'int64'),
             Field('last_epoch', 'int32', since=12),
             Field('log_start_offset', 'int64', since=5),
             Field('max_bytes', 'int32'),
         ],)),
     ],)),
     Field('forgotten', ([Field('name', 'string', until=12), Field('id', 'uuid', since=13),
                          Field('partitions', ('int32',))],), since=7),
     Field('rack', 'string', since=11)],
    [Field('throttle_ms', 'int32', since=1),
     Field('error', 'int16', since=7),
     Field('session_id', 'int32', since=7),
     Field('topics', ([
         Field('name', 'string', until=12),
         Field('id', 'uuid', since=13),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('error', 'int16'),
             Field('high_watermark', 'int64'),
             Field('last_stable_offset', 'int64', since=4),
             Field('log_start_offset', 'int64', since=5),
             Field('diverging', [Field('epoch', 'int32'), Field('end_offset', 'int64')], since=12, tag=0),
             Field('leader', [Field('id', 'int32'), Field('epoch', 'int32')], since=12, tag=1),
             Field('aborted', ([Field('producer_id', 'int64'), Field('first_offset', 'int64')],), since=4, nullable=4),
             Field('preferred_replica', 'int32', since=11),
             Field('records', 'records'),
         ],)),
     ],)),
     Field('nodes', ([Field('id', 'int32'), Field('host', 'string'), Field('port', 'int32'),
                      Field('rack', 'string', nullable=16)],), since=16, tag=0)])

LIST_OFFSETS = Api(
    'ListOffsets', 2, 6,
    [Field('replica_id', 'int32'),
     Field('isolation_level', 'int8', since=2),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('leader_epoch', 'int32', since=4),
             Field('timestamp', 'int64'),
         ],)),
     ],)),
     Field('timeout_ms', 'int32', since=10)],
    [Field('throttle_ms', 'int32', since=2),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('error', 'int16'),
             Field('timestamp', 'int64'),
             Field('offset', 'int64'),
             Field('leader_epoch', 'int32', since=4),
         ],)),
     ],))])

METADATA = Api(
    'Metadata', 3, 9,
    [Field('topics', ([Field('id', 'uuid', since=10), Field('name', 'string', nullable=10)],), nullable=1),
     Field('allow_auto_topic_creation', 'bool', since=4),
     Field('include_cluster_operations', 'bool', since=8, until=10),
     Field('include_topic_operations', 'bool', since=8)],
    [Field('throttle_ms', 'int32', since=3),
     Field('brokers', ([
         Field('node_id', 'int32'),
         Field('host', 'string'),
         Field('port', 'int32'),
         Field('rack', 'string', since=1, nullable=1),
     ],)),
     Field('cluster_id', 'string', since=2, nullable=2),
     Field('controller_id', 'int32', since=1),
     Field('topics', ([
         Field('error', 'int16'),
         Field('name', 'string', nullable=12),
         Field('id', 'uuid', since=10),
         Field('is_internal', 'bool', since=1),
         Field('partitions', ([
             Field('error', 'int16'),
             Field('index', 'int32'),
             Field('leader', 'int32'),
             Field('leader_epoch', 'int32', since=7),
             Field('replicas', ('int32',)),
             Field('isr', ('int32',)),
             Field('offline', ('int32',), since=5),
         ],)),
         Field('operations', 'int32', since=8),
     ],)),
     Field('cluster_operations', 'int32', since=8, until=10)])

OFFSET_FOR_LEADER_EPOCH = Api(
    'OffsetForLeaderEpoch', 23, 4,
    [Field('replica_id', 'int32', since=3),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('current_epoch', 'int32', since=2),
             Field('epoch', 'int32'),
         ],)),
     ],))],
    [Field('throttle_ms', 'int32', since=2),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([
             Field('error', 'int16'),
             Field('index', 'int32'),
             Field('epoch', 'int32', since=1),
             Field('end_offset', 'int64'),
         ],)),
     ],))])

FIND_COORDINATOR = Api(
    'FindCoordinator', 10, 3,
    [Field('key', 'string', until=3),
     Field('key_type', 'int8', since=1),
     Field('keys', ('string',), since=4)],
    [Field('throttle_ms', 'int32', since=1),
     Field('error', 'int16', until=3),
     Field('error_message', 'string', since=1, until=3, nullable=1),
     Field('node_id', 'int32', until=3),
     Field('host', 'string', until=3),
     Field('port', 'int32', until=3),
     Field('coordinators', ([
         Field('key', 'string'),
         Field('node_id', 'int32'),
         Field('host', 'string'),
         Field('port', 'int32'),
         Field('error', 'int16'),
         Field('error_message', 'string', nullable=4),
     ],), since=4)])

API_VERSIONS = Api(
    'ApiVersions', 18, 3,
    [Field('software_name', 'string', since=3),
     Field('software_version', 'string', since=3)],
    [Field('error', 'int16'),
     Field('apis', ([Field('key', 'int16'), Field('first', 'int16'), Field('last', 'int16')],)),
     Field('throttle_ms', 'int32', since=1),
     Field('supported_features',
           ([Field('name', 'string'), Field('first', 'int16'), Field('last', 'int16')],), since=3, tag=0),
     Field('finalized_epoch', 'int64', since=3, tag=1),
     Field('finalized_features',
           ([Field('name', 'string'), Field('last', 'int16'), Field('first', 'int16')],), since=3, tag=2),
     Field('zk_migration_ready', 'bool', since=3, tag=3)])

CREATE_TOPICS = Api(
    'CreateTopics', 19, 5,
    [Field('topics', ([
        Field('name', 'string'),
        Field('partition_count', 'int32'),
        Field('replication_factor', 'int16'),
        Field('assignments', ([Field('index', 'int32'), Field('nodes', ('int32',))],)),
        Field('configs', ([Field('name', 'string'), Field('value', 'string', nullable=0)],)),
    ],)),
     Field('timeout_ms', 'int32'),
     Field('validate_only', 'bool', since=1)],
    [Field('throttle_ms', 'int32', since=2),
     Field('topics', ([
         Field('name', 'string'),
         Field('id', 'uuid', since=7),
         Field('error', 'int16'),
         Field('error_message', 'string', since=1, nullable=1),
         Field('config_error', 'int16', since=5, tag=0),
         Field('partition_count', 'int32', since=5),
         Field('replication_factor', 'int16', since=5),
         Field('configs', ([
             Field('name', 'string'),
             Field('value', 'string', nullable=5),
             Field('read_only', 'bool'),
             Field('source', 'int8'),
             Field('sensitive', 'bool'),
         ],), since=5, nullable=5),
     ],))])

DELETE_TOPICS = Api(
    'DeleteTopics', 20, 4,
    [Field('topics', ([Field('name', 'string', nullable=6), Field('id', 'uuid')],), since=6),
     Field('names', ('string',), until=5),
     Field('timeout_ms', 'int32')],
    [Field('throttle_ms', 'int32', since=1),
     Field('topics', ([
         Field('name', 'string', nullable=6),
         Field('id', 'uuid', since=6),
         Field('error', 'int16'),
         Field('error_message', 'string', since=5, nullable=5),
     ],))])

APIS = {api.key: api for api in (PRODUCE, FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR, API_VERSIONS, CREATE_TOPICS,
                                 DELETE_TOPICS, OFFSET_FOR_LEADER_EPOCH)} | admin.APIS | groups.APIS | producers.APIS | quotas.APIS


def produce(topic, batches, acks=-1, transactional_id=None):
    """`batches`: partition -> the bytes of its record batch."""
    return {'transactional_id': transactional_id, 'acks': acks, 'timeout_ms': 30000, 'topics': [
        {'name': topic, 'partitions': [{'index': i, 'records': batch} for i, batch in batches.items()]}]}


def fetch(topic, offsets, max_wait_ms=0, min_bytes=1, max_bytes=50 << 20, partition_bytes=4 << 20, leader_epoch=-1,
          session_id=0, session_epoch=-1, topic_id=bytes(16), last_epoch=-1, forgotten=(), isolation_level=0):
    """`offsets`: partition -> the offset to read from. `forgotten`: partitions of the same topic."""
    left = [{'name': topic, 'id': topic_id, 'partitions': list(forgotten)}] if forgotten else []
    return {'replica_id': -1, 'max_wait_ms': max_wait_ms, 'min_bytes': min_bytes, 'max_bytes': max_bytes,
            'isolation_level': isolation_level, 'session_id': session_id, 'session_epoch': session_epoch,
            'forgotten': left, 'rack': '', 'topics': [{'name': topic, 'id': topic_id, 'partitions': [
                {'index': i, 'leader_epoch': leader_epoch, 'offset': offset, 'last_epoch': last_epoch,
                 'log_start_offset': -1, 'max_bytes': partition_bytes} for i, offset in offsets.items()]}]}


def list_offsets(topic, timestamps, leader_epoch=-1):
    """`timestamps`: partition -> a time in milliseconds, -1 (latest), -2 (earliest) or -3 (of the largest timestamp)."""
    return {'replica_id': -1, 'isolation_level': 0, 'timeout_ms': 1000, 'topics': [{'name': topic, 'partitions': [
        {'index': i, 'leader_epoch': leader_epoch, 'timestamp': time} for i, time in timestamps.items()]}]}


def offset_for_leader_epoch(topic, epochs, current=-1):
    """`epochs`: partition -> the epoch whose end is asked for."""
    return {'replica_id': -1, 'topics': [{'name': topic, 'partitions': [
        {'index': i, 'current_epoch': current, 'epoch': epoch} for i, epoch in epochs.items()]}]}


def metadata(names, create=True, ids=(), operations=False):
    """Of topics by name, and by id; all topics for None."""
    topics = [{'name': name, 'id': bytes(16)} for name in names or ()] + [{'name': None, 'id': one} for one in ids]
    return {'topics': None if names is None else topics, 'allow_auto_topic_creation': create,
            'include_cluster_operations': operations, 'include_topic_operations': operations}


def create_topics(*names, partitions=1, replication=1, configs=None, validate_only=False):
    return {'timeout_ms': 30000, 'validate_only': validate_only, 'topics': [
        {'name': name, 'partition_count': partitions, 'replication_factor': replication, 'assignments': [],
         'configs': [{'name': key, 'value': value} for key, value in (configs or {}).items()]} for name in names]}


def delete_topics(*names):
    return {'names': list(names), 'timeout_ms': 30000}


def only_partition(answer):
    """The one partition of an answer about one."""
    (topic,) = answer['topics']
    (partition,) = topic['partitions']
    return partition
