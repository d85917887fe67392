"""Debian's confluent-kafka, librdkafka under Python."""
import os

import lines
from confluent_kafka import Consumer, Producer, TopicPartition


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


def member(bootstrap, group, topic):
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


lines.run(produce, consume, member)
