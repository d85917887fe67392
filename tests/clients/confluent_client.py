"""Debian's confluent-kafka, librdkafka under Python."""
import os

import lines
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic


def produce(bootstrap):
    for topic, codec, records in lines.topics_to_produce():
        failures = []
        producer = Producer({'bootstrap.servers': bootstrap, 'compression.codec': codec, 'linger.ms': 50})
        for record in records:
            producer.produce(topic, record.value, record.key, record.partition, timestamp=record.timestamp,
                             headers=record.headers,
                             on_delivery=lambda error, _, failures=failures: error and failures.append(error))
        if producer.flush(30) or failures:
            raise SystemExit(f'{topic}: {failures or "not delivered"}')


def consume(bootstrap):
    wanted = lines.topics_to_consume()
    consumer = Consumer({'bootstrap.servers': bootstrap, 'group.id': 'unused', 'enable.auto.commit': False})
    consumer.assign([TopicPartition(topic, 0, 0) for topic in wanted])
    left = sum(wanted.values())
    while left:
        for message in consumer.consume(left, timeout=1):
            if message.error():
                raise SystemExit(message.error())
            lines.print_record(message.topic(), message.partition(), message.offset(), message.timestamp()[1],
                               message.key(), message.value(), message.headers() or [])
            left -= 1
    consumer.close()
    # Version 1.7 gives away one reference to None too many for each header without a value: not to be survived to the
    # interpreter's end.
    os._exit(0)


def member(bootstrap, group, topic, _):
    consumer = Consumer({'bootstrap.servers': bootstrap, 'group.id': group, 'enable.auto.commit': False,
                         'auto.offset.reset': 'earliest', 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 300})
    consumer.subscribe([topic], on_assign=lambda _, given: lines.told(
        'assigned', ','.join(str(part.partition) for part in given)))
    while not lines.asked_to_end():
        for message in consumer.consume(10, timeout=0.1):
            if message.error():
                raise SystemExit(message.error())
            lines.told('record', message.partition(), message.offset(), lines.text_of(message.value()))
            consumer.commit(message, asynchronous=False)
            lines.told('committed', message.partition(), message.offset() + 1)
    consumer.close()


def idempotent(bootstrap, topic, count):
    failures = []
    # Short pauses keep the test short.
    producer = Producer({'bootstrap.servers': bootstrap, 'client.id': 'confluent-kafka', 'enable.idempotence': True,
                         'linger.ms': 1, 'batch.num.messages': 10, 'retry.backoff.ms': 5, 'reconnect.backoff.ms': 5,
                         'reconnect.backoff.max.ms': 50, 'log_level': 2})
    for number in range(int(count)):
        producer.produce(topic, b'%d' % number, partition=0,
                         on_delivery=lambda error, _: error and failures.append(error))
        producer.poll(0)
    if producer.flush(60) or failures:
        raise SystemExit(f'{failures[:3] or "not delivered"}')


def admin(bootstrap):
    client = AdminClient({'bootstrap.servers': bootstrap})

    def first(futures):
        (future,) = futures.values()
        return future.result(20)

    def describe_config(topic, name):
        return first(client.describe_configs([ConfigResource('topic', topic)]))[name].value

    def alter_configs(topic, name, value):
        first(client.alter_configs([ConfigResource('topic', topic, set_config={name: value})]))

    def create_topic(topic, partitions, name, value):
        first(client.create_topics([NewTopic(topic, int(partitions), 1, config={name: value})]))

    lines.administer({
        'create-topic': create_topic,
        'delete-topic': lambda topic: first(client.delete_topics([topic])),
        'create-partitions': lambda topic, count: first(client.create_partitions([NewPartitions(topic, int(count))])),
        'describe-config': describe_config,
        'alter-configs': alter_configs,
        'list-groups': lambda: ','.join(sorted(group.id for group in client.list_groups(timeout=20))),
        'describe-group': lambda group: client.list_groups(group, timeout=20)[0].state,
    }, lambda error: error.args[0].code() if isinstance(error, KafkaException) else None)


lines.run(produce, consume, member, idempotent, admin)
