"""What well-formed requests ask for in vain gets its error code, changes nothing, and harms nobody else."""
import sys

import kafka_messages as kafka
from cases import Cases
from healthy import bystander
from kafka_wire import decode_batches, encode_batch

cases = Cases(bystander)

_TOPIC = 'asked'
_RECORDS = 3

# Kafka's codes.
_OFFSET_OUT_OF_RANGE, _UNKNOWN_TOPIC, _COORDINATOR_NOT_AVAILABLE, _INVALID_TOPIC = 1, 3, 15, 17
_TOPIC_EXISTS, _INVALID_PARTITIONS, _INVALID_REPLICATION_FACTOR, _INVALID_ASSIGNMENT = 36, 37, 38, 39
_UNSUPPORTED_VERSION, _INVALID_CONFIG, _INVALID_REQUEST, _SESSION_NOT_FOUND, _UNKNOWN_EPOCH, _UNKNOWN_TOPIC_ID = 35, 40, 42, 70, 75, 100

_INVALID_NAMES = ('', '.', '..', '../etc', 'a/b', 'a b', 'tab\t', 'nul\0', 'q?', 'ümlaut', 'x' * 250, 'x' * 20_000)


def prepare(connection):
    """The topic, with three records in its only partition."""
    result = connection.call(kafka.METADATA, 4, kafka.metadata([_TOPIC]))['topics'][0]
    assert (result['error'], len(result['partitions'])) == (0, 1), result
    offsets = kafka.only_partition(connection.call(kafka.LIST_OFFSETS, 1, kafka.list_offsets(_TOPIC, {0: -1})))
    if offsets['offset'] == 0:
        batch = encode_batch([b'%d' % i for i in range(_RECORDS)], timestamp=1000)
        assert kafka.only_partition(connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {0: batch})))['error'] == 0


def is_answered(bystander, api, version, body, expected):
    with bystander.server.connect() as connection:
        prepare(connection)
        answer = connection.call(api, version, body)
        found = [topic['error'] for topic in answer['topics']] if 'error' in answer['topics'][0] else [
            partition['error'] for topic in answer['topics'] for partition in topic['partitions']]
        assert found == expected, f'errors {found}, not {expected}'
        answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 0}))
        assert len(decode_batches(kafka.only_partition(answer)['records'])) == _RECORDS
    bystander.check()


def answered(name, api, version, body, *expected):
    cases.add(f'{name}: {", ".join(map(str, expected))}', is_answered, api, version, body, list(expected))


for offset in (-1, -2, _RECORDS + 1, 1 << 40, (1 << 63) - 1, -(1 << 63)):
    for version in (4, 11):
        answered(f'Fetch v{version} at offset {offset} of {_RECORDS}', kafka.FETCH, version,
                 kafka.fetch(_TOPIC, {0: offset}, max_wait_ms=20_000), _OFFSET_OUT_OF_RANGE)
answered('Fetch with an epoch to come', kafka.FETCH, 9, kafka.fetch(_TOPIC, {0: 0}, leader_epoch=7), _UNKNOWN_EPOCH)
for index in (-1, 1, 1 << 30):
    answered(f'Fetch of partition {index} of one', kafka.FETCH, 11,
             kafka.fetch(_TOPIC, {index: 0}, max_wait_ms=20_000), _UNKNOWN_TOPIC)
answered('Fetch of no such topic', kafka.FETCH, 11, kafka.fetch('nowhere', {0: 0}, max_wait_ms=20_000), _UNKNOWN_TOPIC)
answered('Fetch of -1 bytes of a partition', kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 0}, partition_bytes=-1),
         _INVALID_REQUEST)
answered('Fetch of everything at its largest', kafka.FETCH, 11,
         kafka.fetch(_TOPIC, {0: 0}, max_wait_ms=1, min_bytes=(1 << 31) - 1, max_bytes=(1 << 31) - 1,
                     partition_bytes=(1 << 31) - 1), 0)
answered('Fetch with a negative wait and minimum', kafka.FETCH, 11,
         kafka.fetch(_TOPIC, {0: 0}, max_wait_ms=-5, min_bytes=-5), 0)
answered('Fetch of one byte', kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 0}, max_bytes=1, partition_bytes=1), 0)

for version in (1, 7):
    answered(f'ListOffsets v{version} of no such topic', kafka.LIST_OFFSETS, version,
             kafka.list_offsets('nowhere', {0: -1}), _UNKNOWN_TOPIC)
answered('ListOffsets of partitions there are not', kafka.LIST_OFFSETS, 5,
         kafka.list_offsets(_TOPIC, {-1: -1, 0: -1, 1: -1}), _UNKNOWN_TOPIC, 0, _UNKNOWN_TOPIC)
answered('ListOffsets with an epoch to come', kafka.LIST_OFFSETS, 5,
         kafka.list_offsets(_TOPIC, {0: -1}, leader_epoch=7), _UNKNOWN_EPOCH)
answered('ListOffsets of a special time there is not', kafka.LIST_OFFSETS, 5, kafka.list_offsets(_TOPIC, {0: -77}),
         _UNSUPPORTED_VERSION)

answered('Metadata of a topic not to be made', kafka.METADATA, 4, kafka.metadata(['nowhere'], create=False),
         _UNKNOWN_TOPIC)
for topic in _INVALID_NAMES:
    answered(f'Metadata of {topic[:20]!r}, {len(topic)} long', kafka.METADATA, 4, kafka.metadata([topic]),
             _INVALID_TOPIC)
    answered(f'CreateTopics of {topic[:20]!r}, {len(topic)} long', kafka.CREATE_TOPICS, 4, kafka.create_topics(topic),
             _INVALID_TOPIC)

for count in (0, -2, -(1 << 31), 1 << 30, (1 << 31) - 1):
    answered(f'CreateTopics of {count} partitions', kafka.CREATE_TOPICS, 4,
             kafka.create_topics('refused', partitions=count), _INVALID_PARTITIONS)
for factor in (0, 2, -2, 32767):
    answered(f'CreateTopics with replication factor {factor}', kafka.CREATE_TOPICS, 4,
             kafka.create_topics('refused', replication=factor), _INVALID_REPLICATION_FACTOR)
for key, value in (('no.such.config', '1'), ('segment.bytes', 'many'), ('segment.bytes', '-1'), ('segment.bytes', ''),
                   ('max.message.bytes', '99999999999999999999'), ('message.timestamp.type', 'NoTime'), ('', '')):
    answered(f'CreateTopics with {key!r} {value!r}', kafka.CREATE_TOPICS, 4,
             kafka.create_topics('refused', configs={key: value}), _INVALID_CONFIG)
answered('CreateTopics of one that exists', kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC), _TOPIC_EXISTS)
answered('CreateTopics of the same twice', kafka.CREATE_TOPICS, 4, kafka.create_topics('twice', 'twice'),
         _INVALID_REQUEST, _INVALID_REQUEST)
answered('CreateTopics of good ones beside a bad one, only to validate', kafka.CREATE_TOPICS, 4,
         kafka.create_topics('good', '..', 'better', validate_only=True), 0, _INVALID_TOPIC, 0)


def assigned(*assignments, partitions=-1):
    body = kafka.create_topics('refused', partitions=partitions, replication=-1)
    body['topics'][0]['assignments'] = [{'index': index, 'nodes': nodes} for index, nodes in assignments]
    return body


answered('CreateTopics on nodes there are not', kafka.CREATE_TOPICS, 4, assigned((0, [77])), _INVALID_ASSIGNMENT)
answered('CreateTopics on no node', kafka.CREATE_TOPICS, 4, assigned((0, [])), _INVALID_ASSIGNMENT)
answered('CreateTopics with a gap', kafka.CREATE_TOPICS, 4, assigned((0, [1]), (2, [1])), _INVALID_ASSIGNMENT)
answered('CreateTopics with partition -1', kafka.CREATE_TOPICS, 4, assigned((-1, [1])), _INVALID_ASSIGNMENT)
answered('CreateTopics with a partition twice', kafka.CREATE_TOPICS, 4, assigned((0, [1]), (0, [1])),
         _INVALID_ASSIGNMENT)
answered('CreateTopics with an assignment and a count', kafka.CREATE_TOPICS, 4, assigned((0, [1]), partitions=1),
         _INVALID_REQUEST)

answered('DeleteTopics of no such topic', kafka.DELETE_TOPICS, 3, kafka.delete_topics('nowhere'), _UNKNOWN_TOPIC)
answered('DeleteTopics of no such id', kafka.DELETE_TOPICS, 6,
         {'topics': [{'name': None, 'id': bytes(range(16))}], 'timeout_ms': 1000}, _UNKNOWN_TOPIC_ID)


@cases.case()
def names_that_collide(bystander):
    """Of two names that differ only in '.' and '_' one is taken: the other is refused, however it is to be made"""
    with bystander.server.connect() as connection:
        def create(*names):
            return [topic['error'] for topic in connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(*names))['topics']]

        assert create('dots.and_more', 'dots_and.more', 'dots-and-more') == [0, _INVALID_TOPIC, 0]
        (found,) = connection.call(kafka.METADATA, 4, kafka.metadata(['dots_and_more']))['topics']
        assert found['error'] == _INVALID_TOPIC, found
        assert create('..consumer_offsets') == [0]  # there is no __consumer_offsets yet
        assert create('__consumer.offsets') == [_INVALID_TOPIC]
        made = ('dots.and_more', 'dots-and-more', '..consumer_offsets')
        connection.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics(*made))
        assert create('dots_and_more') == [0]
        connection.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics('dots_and_more'))
    bystander.check()


@cases.case()
def nothing_was_made(bystander):
    """None of the topics that were refused exists"""
    with bystander.server.connect() as connection:
        prepare(connection)
        names = {topic['name'] for topic in connection.call(kafka.METADATA, 4, kafka.metadata(None))['topics']}
        assert names == {_TOPIC, 'bystander'}, names


@cases.case()
def sessions_are_refused(bystander):
    """A fetch in a session that was never given out is refused, and a new one is to be had"""
    with bystander.server.connect() as connection:
        prepare(connection)
        answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 0}, session_id=5, session_epoch=1))
        assert (answer['error'], answer['topics']) == (_SESSION_NOT_FOUND, []), answer
        answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 0}, session_id=0, session_epoch=0))
        assert answer['error'] == 0 and answer['session_id'] > 0
        assert len(decode_batches(kafka.only_partition(answer)['records'])) == _RECORDS
    bystander.check()


@cases.case()
def unreasonable_fetches(bystander):
    """A fetch of -1 bytes, or of more partitions than anybody has, is refused as a whole"""
    with bystander.server.connect() as connection:
        prepare(connection)
        answer = connection.call(kafka.FETCH, 7, kafka.fetch(_TOPIC, {0: 0}, max_bytes=-1))
        assert (answer['error'], answer['topics']) == (_INVALID_REQUEST, []), answer
        answer = connection.call(kafka.FETCH, 7, kafka.fetch(_TOPIC, dict.fromkeys(range(100_001), 0)))
        assert (answer['error'], answer['topics']) == (_INVALID_REQUEST, []), answer
    bystander.check()


@cases.case()
def coordinators_there_are_not(bystander):
    """FindCoordinator for transactions, or for nothing known, says so"""
    with bystander.server.connect() as connection:
        for key_type, error in ((1, _COORDINATOR_NOT_AVAILABLE), (7, _INVALID_REQUEST), (-1, _INVALID_REQUEST)):
            answer = connection.call(kafka.FIND_COORDINATOR, 2, {'key': 'mine', 'key_type': key_type})
            assert answer['error'] == error, answer
    bystander.check()


@cases.case()
def metadata_in_a_loop(bystander):
    """Three hundred topics, and all of them asked for a thousand times, leave memory as it is"""
    with bystander.server.connect() as connection:
        names = [f'many-{number}' for number in range(300)]
        answer = connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(*names))
        assert [topic['error'] for topic in answer['topics']] == [0] * len(names)
        for _ in range(1000):
            connection.send(kafka.METADATA, 9, kafka.metadata(None))
        for _ in range(1000):
            frame = connection.receive_frame()
            assert len(frame) > 300 * 20
        del connection.expected[:]
        answer = connection.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics(*names))
        assert [topic['error'] for topic in answer['topics']] == [0] * len(names)
    bystander.check()


if __name__ == '__main__':
    sys.exit(cases.main())
