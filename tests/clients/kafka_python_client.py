"""Debian's kafka-python, a client that shares no code with librdkafka and guesses what the broker is."""
import lines
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import BrokerResponseError, for_code


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


def member(bootstrap, group, topic, _):
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


def admin(bootstrap):
    client = KafkaAdminClient(bootstrap_servers=bootstrap)

    def create_topic(topic, partitions, name, value):
        client.create_topics([NewTopic(topic, int(partitions), 1, topic_configs={name: value})])

    def describe_config(topic, name):
        (answer,) = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})])
        (code, _, _, _, configs), = answer.resources
        if code:
            raise for_code(code)
        return configs[0][1]

    def alter_configs(topic, name, value):
        answer = client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
        (code, *_), = answer.resources
        if code:
            raise for_code(code)

    def group_offsets(group, topic):
        found = client.list_consumer_group_offsets(group)
        return ','.join(f'{part.partition}:{place.offset}' for part, place in sorted(found.items())
                        if part.topic == topic)

    def delete_group(group):
        (_, error), = client.delete_consumer_groups([group])
        if error.errno:
            raise error

    lines.administer({
        'create-topic': create_topic,
        'delete-topic': lambda topic: client.delete_topics([topic]) and None,
        'create-partitions':
            lambda topic, count: client.create_partitions({topic: NewPartitions(int(count))}) and None,
        'describe-config': describe_config,
        'alter-configs': alter_configs,
        'list-groups': lambda: ','.join(sorted(group for group, _ in client.list_consumer_groups())),
        'describe-group': lambda group: client.describe_consumer_groups([group])[0].state,
        'group-offsets': group_offsets,
        'delete-group': delete_group,
    }, lambda error: getattr(error, 'errno', None) if issubclass(
        error if isinstance(error, type) else type(error), BrokerResponseError) else None)
    client.close()


lines.run(produce, consume, member, admin)
