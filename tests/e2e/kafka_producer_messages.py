"""Layouts of the Kafka messages of idempotent producers, one Api each."""
from kafka_wire import Api, Field

INIT_PRODUCER_ID = Api(
    'InitProducerId', 22, 2,
    [Field('transactional_id', 'string', nullable=0),
     Field('transaction_timeout_ms', 'int32'),
     Field('producer_id', 'int64', since=3),
     Field('producer_epoch', 'int16', since=3)],
    [Field('throttle_ms', 'int32'),
     Field('error', 'int16'),
     Field('producer_id', 'int64'),
     Field('producer_epoch', 'int16')])

DESCRIBE_PRODUCERS = Api(
    'DescribeProducers', 61, 0,
    [Field('topics', ([Field('name', 'string'), Field('partitions', ('int32',))],))],
    [Field('throttle_ms', 'int32'),
     Field('topics', ([
         Field('name', 'string'),
         Field('partitions', ([
             Field('index', 'int32'),
             Field('error', 'int16'),
             Field('error_message', 'string', nullable=0),
             Field('producers', ([
                 Field('producer_id', 'int64'),
                 Field('producer_epoch', 'int32'),
                 Field('last_sequence', 'int32'),
                 Field('last_timestamp', 'int64'),
                 Field('coordinator_epoch', 'int32'),
                 Field('transaction_start', 'int64'),
             ],)),
         ],)),
     ],))])

APIS = {api.key: api for api in (INIT_PRODUCER_ID, DESCRIBE_PRODUCERS)}


def init_producer_id(transactional_id=None, producer_id=-1, producer_epoch=-1):
    return {'transactional_id': transactional_id, 'transaction_timeout_ms': 60_000, 'producer_id': producer_id,
            'producer_epoch': producer_epoch}


def describe_producers(topic, *partitions):
    return {'topics': [{'name': topic, 'partitions': list(partitions)}]}
