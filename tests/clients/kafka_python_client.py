"""Debian's kafka-python, a client that shares no code with librdkafka and guesses what the broker is."""
import lines
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition


def produce(bootstrap):
    for topic, codec, records in lines.topics_to_produce():
        producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=50, acks='all',
                                 compression_type=None if codec == 'none' else codec)
        sent = [producer.send(topic, record.value, record.key, record.headers, record.partition, record.timestamp)
                for record in records]
        for future in sent:
            future.get(30)
        producer.close()


def consume(bootstrap):
    wanted = lines.topics_to_consume()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset='earliest', enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, 0) for topic in wanted])
    left = sum(wanted.values())
    while left:
        for part, messages in consumer.poll(1000).items():
            for message in messages:
                lines.print_record(part.topic, part.partition, message.offset, message.timestamp, message.key,
                                   message.value, message.headers)
                left -= 1
    consumer.close()


def member(bootstrap, group, topic):
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset='earliest',
                             enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=300)
    owned = None
    while not lines.asked_to_end():
        for part, messages in consumer.poll(100, max_records=10).items():
            for message in messages:
                lines.told('record', part.partition, message.offset, lines.text_of(message.value))
            consumer.commit({part: OffsetAndMetadata(messages[-1].offset + 1, None)})
            lines.told('committed', part.partition, messages[-1].offset + 1)
        now = sorted(part.partition for part in consumer.assignment())
        if now != owned:
            owned = now
            lines.told('assigned', ','.join(map(str, owned)))
    consumer.close()


lines.run(produce, consume, member)
