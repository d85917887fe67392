"""What is stored in a topic, as whoever reads it from its beginning finds it."""
import kafka_messages as kafka
from kafka_wire import decode_batches


def values_of(connection, topic):
    values, offset = [], 0
    while True:
        result = kafka.only_partition(connection.call(kafka.FETCH, 11, kafka.fetch(topic, {0: offset})))
        assert result['error'] == 0, result
        records = decode_batches(result['records'])
        if not records:
            return values
        values += [record.value for record in records if record.offset >= offset]
        offset = records[-1].offset + 1
