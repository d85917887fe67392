"""Layouts of the messages of consumer groups, as kafka_messages.py has those of the others."""
from kafka_wire import Api, Field

_MEMBER_ID, _INSTANCE_ID = Field('member_id', 'string'), Field('instance_id', 'string', since=3, nullable=3)

OFFSET_COMMIT = Api(
    'OffsetCommit', 8, 8,
    [Field('group', 'string'),
     Field('generation', 'int32'),
     _MEMBER_ID,
     Field('instance_id', 'string', since=7, nullable=7),
     Field('retention_ms', 'int64', until=4),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('offset', 'int64'),
             Field('leader_epoch', 'int32', since=6),
             Field('metadata', 'string', nullable=0),
         ],)),
     ],))],
    [Field('throttle_ms', 'int32', since=3),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([Field('index', 'int32'), Field('error', 'int16')],)),
     ],))])

_WANTED_OFFSETS = ([Field('name', 'string'), Field('partitions', ('int32',))],)
_FOUND_OFFSETS = ([
    Field('name', 'string'),
    Field('partitions', ([
        Field('index', 'int32'),
        Field('offset', 'int64'),
        Field('leader_epoch', 'int32', since=5),
        Field('metadata', 'string', nullable=0),
        Field('error', 'int16'),
    ],)),
],)

OFFSET_FETCH = Api(
    'OffsetFetch', 9, 6,
    [Field('group', 'string', until=7),
     Field('topics', _WANTED_OFFSETS, until=7, nullable=2),
     Field('groups', ([Field('group', 'string'),
                       Field('member_id', 'string', since=9, nullable=9),
                       Field('member_epoch', 'int32', since=9),
                       Field('topics', _WANTED_OFFSETS, nullable=8)],), since=8),
     Field('require_stable', 'bool', since=7)],
    [Field('throttle_ms', 'int32', since=3),
     Field('topics', _FOUND_OFFSETS, until=7),
     Field('error', 'int16', since=2, until=7),
     Field('groups', ([
         Field('group', 'string'),
         Field('topics', _FOUND_OFFSETS),
         Field('error', 'int16'),
     ],), since=8)])

JOIN_GROUP = Api(
    'JoinGroup', 11, 6,
    [Field('group', 'string'),
     Field('session_timeout_ms', 'int32'),
     Field('rebalance_timeout_ms', 'int32', since=1),
     _MEMBER_ID,
     Field('instance_id', 'string', since=5, nullable=5),
     Field('protocol_type', 'string'),
     Field('protocols', ([Field('name', 'string'), Field('metadata', 'records')],)),
     Field('reason', 'string', since=8, nullable=8)],
    [Field('throttle_ms', 'int32', since=2),
     Field('error', 'int16'),
     Field('generation', 'int32'),
     Field('protocol_type', 'string', since=7, nullable=7),
     Field('protocol_name', 'string', nullable=7),
     Field('leader', 'string'),
     Field('skip_assignment', 'bool', since=9),
     _MEMBER_ID,
     Field('members', ([
         _MEMBER_ID,
         Field('instance_id', 'string', since=5, nullable=5),
         Field('metadata', 'records'),
     ],))])

HEARTBEAT = Api(
    'Heartbeat', 12, 4,
    [Field('group', 'string'), Field('generation', 'int32'), _MEMBER_ID, _INSTANCE_ID],
    [Field('throttle_ms', 'int32', since=1), Field('error', 'int16')])

LEAVE_GROUP = Api(
    'LeaveGroup', 13, 4,
    [Field('group', 'string'),
     Field('member_id', 'string', until=2),
     Field('members', ([_MEMBER_ID, _INSTANCE_ID, Field('reason', 'string', since=5, nullable=5)],), since=3)],
    [Field('throttle_ms', 'int32', since=1),
     Field('error', 'int16'),
     Field('members', ([_MEMBER_ID, _INSTANCE_ID, Field('error', 'int16')],), since=3)])

SYNC_GROUP = Api(
    'SyncGroup', 14, 4,
    [Field('group', 'string'),
     Field('generation', 'int32'),
     _MEMBER_ID,
     _INSTANCE_ID,
     Field('protocol_type', 'string', since=5, nullable=5),
     Field('protocol_name', 'string', since=5, nullable=5),
     Field('assignments', ([_MEMBER_ID, Field('assignment', 'records')],))],
    [Field('throttle_ms', 'int32', since=1),
     Field('error', 'int16'),
     Field('protocol_type', 'string', since=5, nullable=5),
     Field('protocol_name', 'string', since=5, nullable=5),
     Field('assignment', 'records')])

DESCRIBE_GROUPS = Api(
    'DescribeGroups', 15, 5,
    [Field('groups', ('string',)), Field('include_operations', 'bool', since=3)],
    [Field('throttle_ms', 'int32', since=1),
     Field('groups', ([
         Field('error', 'int16'),
         Field('error_message', 'string', since=6, nullable=6),
         Field('group', 'string'),
         Field('state', 'string'),
         Field('protocol_type', 'string'),
         Field('protocol_name', 'string'),
         Field('members', ([
             _MEMBER_ID,
             Field('instance_id', 'string', since=4, nullable=4),
             Field('client_id', 'string'),
             Field('client_host', 'string'),
             Field('metadata', 'records'),
             Field('assignment', 'records'),
         ],)),
         Field('operations', 'int32', since=3),
     ],))])

LIST_GROUPS = Api(
    'ListGroups', 16, 3,
    [Field('states', ('string',), since=4), Field('types', ('string',), since=5)],
    [Field('throttle_ms', 'int32', since=1),
     Field('error', 'int16'),
     Field('groups', ([
         Field('group', 'string'),
         Field('protocol_type', 'string'),
         Field('state', 'string', since=4),
         Field('type', 'string', since=5),
     ],))])

DELETE_GROUPS = Api(
    'DeleteGroups', 42, 2,
    [Field('groups', ('string',))],
    [Field('throttle_ms', 'int32'), Field('groups', ([Field('group', 'string'), Field('error', 'int16')],))])

OFFSET_DELETE = Api(
    'OffsetDelete', 47, 99,
    [Field('group', 'string'),
     Field('topics', ([Field('name', 'string'), Field('partitions', ('int32',))],))],
    [Field('error', 'int16'),
     Field('throttle_ms', 'int32'),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([Field('index', 'int32'), Field('error', 'int16')],)),
     ],))])

_TOPIC_PARTITIONS = [Field('topic_id', 'uuid'), Field('partitions', ('int32',))]

CONSUMER_HEARTBEAT = Api(
    'ConsumerGroupHeartbeat', 68, 0,
    [Field('group', 'string'),
     _MEMBER_ID,
     Field('epoch', 'int32'),
     Field('instance_id', 'string', nullable=0),
     Field('rack_id', 'string', nullable=0),
     Field('rebalance_timeout_ms', 'int32'),
     Field('topics', ('string',), nullable=0),
     Field('pattern', 'string', since=1, nullable=1),
     Field('assignor', 'string', nullable=0),
     Field('owned', (_TOPIC_PARTITIONS,), nullable=0)],
    [Field('throttle_ms', 'int32'),
     Field('error', 'int16'),
     Field('error_message', 'string', nullable=0),
     Field('member_id', 'string', nullable=0),
     Field('epoch', 'int32'),
     Field('interval_ms', 'int32'),
     Field('assignment', [Field('topics', (_TOPIC_PARTITIONS,))], nullable=0)])

_NAMED_PARTITIONS = [Field('topics', ([Field('topic_id', 'uuid'), Field('name', 'string'),
                                       Field('partitions', ('int32',))],))]

CONSUMER_DESCRIBE = Api(
    'ConsumerGroupDescribe', 69, 0,
    [Field('groups', ('string',)), Field('include_operations', 'bool')],
    [Field('throttle_ms', 'int32'),
     Field('groups', ([
         Field('error', 'int16'),
         Field('error_message', 'string', nullable=0),
         Field('group', 'string'),
         Field('state', 'string'),
         Field('epoch', 'int32'),
         Field('target_epoch', 'int32'),
         Field('assignor', 'string'),
         Field('members', ([
             _MEMBER_ID,
             Field('instance_id', 'string', nullable=0),
             Field('rack_id', 'string', nullable=0),
             Field('epoch', 'int32'),
             Field('client_id', 'string'),
             Field('client_host', 'string'),
             Field('topics', ('string',)),
             Field('pattern', 'string', nullable=0),
             Field('assignment', _NAMED_PARTITIONS),
             Field('target', _NAMED_PARTITIONS),
             Field('type', 'int8', since=1),
         ],)),
         Field('operations', 'int32'),
     ],))])

APIS = {api.key: api for api in (OFFSET_COMMIT, OFFSET_FETCH, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP,
                                 DESCRIBE_GROUPS, LIST_GROUPS, DELETE_GROUPS, OFFSET_DELETE, CONSUMER_HEARTBEAT,
                                 CONSUMER_DESCRIBE)}


def join_group(group, member_id='', instance_id=None, protocols=(('range', b'topics'),), session_timeout_ms=10_000,
               rebalance_timeout_ms=10_000, protocol_type='consumer'):
    return {'group': group, 'session_timeout_ms': session_timeout_ms, 'rebalance_timeout_ms': rebalance_timeout_ms,
            'member_id': member_id, 'instance_id': instance_id, 'protocol_type': protocol_type, 'reason': None,
            'protocols': [{'name': name, 'metadata': metadata} for name, metadata in protocols]}


def sync_group(group, generation, member_id, assignments=None, instance_id=None, protocol_type='consumer',
               protocol_name='range'):
    """`assignments`: member id -> bytes."""
    return {'group': group, 'generation': generation, 'member_id': member_id, 'instance_id': instance_id,
            'protocol_type': protocol_type, 'protocol_name': protocol_name,
            'assignments': [{'member_id': key, 'assignment': value} for key, value in (assignments or {}).items()]}


def heartbeat(group, generation, member_id, instance_id=None):
    return {'group': group, 'generation': generation, 'member_id': member_id, 'instance_id': instance_id}


def leave_group(group, *member_ids, instance_id=None):
    return {'group': group, 'member_id': member_ids[0], 'members': [
        {'member_id': member_id, 'instance_id': instance_id, 'reason': None} for member_id in member_ids]}


def offset_commit(group, topic, offsets, generation=-1, member_id='', instance_id=None, metadata=None, retention_ms=-1):
    """`offsets`: partition -> offset."""
    return {'group': group, 'generation': generation, 'member_id': member_id, 'instance_id': instance_id,
            'retention_ms': retention_ms, 'topics': [{'name': topic, 'partitions': [
                {'index': index, 'offset': offset, 'leader_epoch': -1, 'metadata': metadata}
                for index, offset in offsets.items()]}]}


def offset_fetch(group, topic=None, partitions=(), member_id=None, epoch=-1):
    """Without a topic: all of the group."""
    topics = None if topic is None else [{'name': topic, 'partitions': list(partitions)}]
    asked = {'group': group, 'member_id': member_id, 'member_epoch': epoch, 'topics': topics}
    return {'group': group, 'topics': topics, 'groups': [asked], 'require_stable': False}


def consumer_heartbeat(group, member_id, epoch=0, topics=None, owned=None, rebalance_timeout_ms=-1, instance_id=None,
                       pattern=None, assignor=None):
    """`owned`: topic id -> partitions."""
    owned = None if owned is None else [{'topic_id': topic, 'partitions': some} for topic, some in owned.items()]
    return {'group': group, 'member_id': member_id, 'epoch': epoch, 'instance_id': instance_id, 'rack_id': None,
            'rebalance_timeout_ms': rebalance_timeout_ms, 'topics': topics, 'pattern': pattern, 'assignor': assignor,
            'owned': owned}
