"""What the tests of administration have in common."""
import kafka_admin_messages as messages
import kafka_messages as kafka

TOPIC, BROKER = messages.TOPIC, messages.BROKER


def make(connection, name, partitions=1, **configs):
    """A topic, which must not be refused."""
    replication = -1 if partitions == -1 else 1
    body = kafka.create_topics(name, partitions=partitions, replication=replication, configs=configs)
    (topic,) = connection.call(kafka.CREATE_TOPICS, 5, body)['topics']
    assert topic['error'] == 0, topic
    return {config['name']: config['value'] for config in topic['configs']}


def alter(connection, name, values, kind=TOPIC, incremental=True, validate_only=False):
    """`values`: by name, alone or in a pair with the operation."""
    body = messages.alter_configs(name, values, kind, validate_only)
    if incremental:
        return connection.call(messages.INCREMENTAL_ALTER_CONFIGS, 1, body)
    return connection.call(messages.ALTER_CONFIGS, 2, body)


def error_of(answer):
    """Of the one resource, or topic."""
    (result,) = answer['results']
    return result['error']
