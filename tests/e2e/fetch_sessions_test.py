"""Fetch sessions: their life, wrong epochs, what they leave out, and how they share an answer out."""
import contextlib
import struct
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from server import running_server

cases = Cases()

_TOPIC = 'followed'
_PARTITIONS = 6
_UNKNOWN_TOPIC, _INVALID_REQUEST, _NOT_FOUND, _WRONG_EPOCH = 3, 42, 70, 71
_UNKNOWN_ID, _INCONSISTENT_ID, _ID_MIXED_UP = 100, 103, 106


@contextlib.contextmanager
def a_server(programs, reactors=1, options=(), partitions=_PARTITIONS):
    """A session is found where it was made: with one reactor by every connection."""
    with running_server(programs, reactors=reactors, options=options) as server:
        with server.connect(timeout=40) as connection:
            create(connection, _TOPIC, partitions)
            yield server, connection


def create(connection, name, partitions=1):
    (made,) = connection.call(kafka.CREATE_TOPICS, 7, kafka.create_topics(name, partitions=partitions))['topics']
    assert made['error'] == 0, made
    return made['id']


def append(connection, index, *values, topic=_TOPIC):
    answer = connection.call(kafka.PRODUCE, 7, kafka.produce(topic, {index: encode_batch(list(values) or [b'news'])}))
    assert kafka.only_partition(answer)['error'] == 0, answer


def fetch(connection, session, epoch, offsets, version=11, topic=_TOPIC, **options):
    return connection.call(kafka.FETCH, version, kafka.fetch(topic, offsets, session_id=session, session_epoch=epoch,
                                                             **options))


def begin(connection, offsets, **options):
    answer = fetch(connection, 0, 0, offsets, **options)
    assert answer['error'] == 0 and answer['session_id'] > 0, answer
    return answer['session_id']


def told(answer):
    """partition -> what is said of it, of an answer without an error."""
    assert answer['error'] == 0, answer
    return {part['index']: part for topic in answer['topics'] for part in topic['partitions']}


@cases.case(7)
@cases.case(11)
@cases.case(12)
@cases.case(17)
def life(programs, version):
    """A session tells only what has changed, forgets what it is told to, and ends; version"""
    with a_server(programs, reactors=2) as (server, producer), server.connect() as reader:
        topic_id = reader.call(kafka.METADATA, 12, kafka.metadata([_TOPIC]))['topics'][0]['id']
        same = {'version': version, 'topic_id': topic_id}
        answer = fetch(reader, 0, 0, dict.fromkeys(range(_PARTITIONS), 0), **same)
        session = answer['session_id']
        assert session > 0 and set(told(answer)) == set(range(_PARTITIONS)), answer
        answer = fetch(reader, session, 1, {}, **same)
        assert (answer['session_id'], told(answer)) == (session, {}), answer
        append(producer, 2)
        append(producer, 5)
        parts = told(fetch(reader, session, 2, {}, max_wait_ms=20_000, min_bytes=130, **same))
        assert {index: len(decode_batches(part['records'])) for index, part in parts.items()} == {2: 1, 5: 1}
        # What the client does not say it has taken is given again.
        assert set(told(fetch(reader, session, 3, {2: 1}, **same))) == {5}
        assert told(fetch(reader, session, 4, {5: 1}, **same)) == {}
        append(producer, 2)
        append(producer, 3)
        parts = told(fetch(reader, session, 5, {}, forgotten=[2], max_wait_ms=20_000, **same))
        assert set(parts) == {3}, parts
        # A partition that comes anew is told of, though nothing is in it for this reader.
        parts = told(fetch(reader, session, 6, {2: 2, 3: 1}, **same))
        assert {index: part['high_watermark'] for index, part in parts.items()} == {2: 2}, parts
        answer = fetch(reader, session, -1, {0: 0}, **same)
        assert (answer['session_id'], set(told(answer))) == (0, {0}), answer
        assert fetch(reader, session, 7, {}, **same)['error'] == _NOT_FOUND


@cases.case()
def wrong_numbers(programs):
    """An epoch or id that is not the session's is refused, and harms no session"""
    with a_server(programs) as (server, reader):
        session = begin(reader, {0: 0})
        for epoch in (2, 7, -2, -(1 << 31), (1 << 31) - 1):
            answer = fetch(reader, session, epoch, {0: 0})
            assert (answer['error'], answer['session_id'], answer['topics']) == (_WRONG_EPOCH, 0, []), answer
        for other in (session + 1, -session, 1 << 30, -(1 << 31)):
            assert fetch(reader, other, 1, {0: 0})['error'] == _NOT_FOUND
        assert fetch(reader, 0, 1, {0: 0})['error'] == _NOT_FOUND
        assert fetch(reader, session, 1, {}, version=13)['error'] == _ID_MIXED_UP
        assert told(fetch(reader, session, 1, {})) == {}
        # Forgetting what is not there is nothing; with nothing left, the session is no more.
        assert told(fetch(reader, session, 2, {}, forgotten=[-1, 5, 1 << 30])) == {}
        answer = fetch(reader, session, 3, {}, forgotten=[0], max_wait_ms=20_000)
        assert (answer['error'], answer['session_id']) == (0, 0), answer
        assert fetch(reader, session, 4, {})['error'] == _NOT_FOUND
        # Who begins anew gives the old one up.
        old = begin(reader, {0: 0})
        new = fetch(reader, old, 0, {0: 0})['session_id']
        assert new not in (0, old) and fetch(reader, old, 1, {})['error'] == _NOT_FOUND


@cases.case()
def errors_in_a_session(programs):
    """A partition with an error is told each time, and once more when it has none any more"""
    with a_server(programs, reactors=2) as (server, reader):
        append(reader, 0)
        answer = fetch(reader, 0, 0, {0: 9, 1: 0, 77: 0})
        assert {index: part['error'] for index, part in told(answer).items()} == {0: 1, 1: 0, 77: _UNKNOWN_TOPIC}
        session = answer['session_id']
        for epoch in (1, 2):
            parts = told(fetch(reader, session, epoch, {}, max_wait_ms=20_000))
            assert {index: part['error'] for index, part in parts.items()} == {0: 1, 77: _UNKNOWN_TOPIC}
        parts = told(fetch(reader, session, 3, {0: 1}, forgotten=[77]))
        assert {index: (part['error'], part['high_watermark']) for index, part in parts.items()} == {0: (0, 1)}
        assert told(fetch(reader, session, 4, {})) == {}


@cases.case()
def topics_by_id(programs):
    """By id, a topic that is not there, that goes, and that comes back as another one has an error each"""
    with a_server(programs, reactors=2) as (server, reader):
        same = {'version': 13, 'topic': 'shortlived', 'topic_id': create(reader, 'shortlived')}
        assert fetch(reader, 0, -1, {0: 0}, version=13, topic_id=b'x' * 16)['topics'][0]['partitions'][0][
            'error'] == _UNKNOWN_ID
        session = begin(reader, {0: 0}, **same)
        reader.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics('shortlived'))
        assert told(fetch(reader, session, 1, {}, max_wait_ms=20_000, **same))[0]['error'] == _UNKNOWN_TOPIC
        assert create(reader, 'shortlived') != same['topic_id']
        assert told(fetch(reader, session, 2, {}, max_wait_ms=20_000, **same))[0]['error'] == _INCONSISTENT_ID
        assert kafka.only_partition(fetch(reader, 0, -1, {0: 0}, **same))['error'] == _UNKNOWN_ID


@cases.case()
def one_at_a_time(programs):
    """A request that goes on with a session sends away the one that is parked in it"""
    with a_server(programs) as (server, first), server.connect() as second:
        session = begin(first, {0: 0})
        first.send(kafka.FETCH, 11, kafka.fetch(_TOPIC, {}, session_id=session, session_epoch=1, max_wait_ms=500_000))
        time.sleep(0.2)
        assert told(fetch(second, session, 2, {})) == {}
        assert first.receive()['error'] == _WRONG_EPOCH
        first.send(kafka.FETCH, 11, kafka.fetch(_TOPIC, {}, session_id=session, session_epoch=3, max_wait_ms=500_000))
        time.sleep(0.2)
        assert fetch(second, session, -1, {0: 0})['session_id'] == 0
        assert first.receive()['error'] == _NOT_FOUND


@cases.case()
def few_places(programs):
    """Where no session is to be had, a fetch is answered without one"""
    with a_server(programs, options=['--max.incremental.fetch.session.cache.slots=2']) as (server, reader):
        sessions = [begin(reader, {0: 0}) for _ in range(2)]
        answer = fetch(reader, 0, 0, {0: 0, 1: 0})
        assert (answer['error'], answer['session_id'], set(told(answer))) == (0, 0, {0, 1}), answer
        assert fetch(reader, sessions[0], -1, {0: 0})['error'] == 0
        begin(reader, {0: 0})
        assert told(fetch(reader, sessions[1], 1, {})) == {}


@cases.case()
def all_are_served(programs):
    """Of partitions that are all full, each is served in its turn, though one fills an answer"""
    with a_server(programs, reactors=2) as (server, connection):
        for index in range(_PARTITIONS):
            for _ in range(4):
                append(connection, index, bytes(20_000))
        offsets = dict.fromkeys(range(_PARTITIONS), 0)
        answer = fetch(connection, 0, 0, offsets, max_bytes=50_000, partition_bytes=50_000)
        session, epoch, order = answer['session_id'], 1, []
        while any(offset < 4 for offset in offsets.values()):
            served = {index: part for index, part in told(answer).items() if part['records']}
            assert 0 < sum(len(part['records']) for part in served.values()) <= 50_000, served.keys()
            order += served
            assert len(order) < 100
            for index, part in served.items():
                offsets[index] = decode_batches(part['records'])[-1].offset + 1
            answer = fetch(connection, session, epoch, {index: offsets[index] for index in served}, max_bytes=50_000,
                           partition_bytes=50_000)
            epoch += 1
        assert sorted(order[:_PARTITIONS]) == list(range(_PARTITIONS)), order


@cases.case()
def thousand_partitions(programs):
    """A session of a thousand partitions costs what its busy ones cost"""
    with a_server(programs, reactors=2, partitions=1000) as (server, producer), server.connect(timeout=40) as reader:
        used = {}
        for name, partitions in (('one', [7]), ('a thousand', range(1000))):
            end = kafka.only_partition(producer.call(
                kafka.LIST_OFFSETS, 1, kafka.list_offsets(_TOPIC, {7: -1})))['offset']
            session = begin(reader, {index: end if index == 7 else 0 for index in partitions})
            assert told(fetch(reader, session, 1, {})) == {}
            before = server.cpu_seconds()
            for number in range(300):
                append(producer, 7)
                answer = fetch(reader, session, number + 2, {7: end + number}, max_wait_ms=20_000)
                assert set(told(answer)) == {7}, answer
            used[name] = server.cpu_seconds() - before
        note(', '.join(f'{1e6 * seconds / 300:.0f} us of processor time for each append and fetch, with {name}'
                       for name, seconds in used.items()))


@cases.case()
def hostile_lists(programs):
    """A list of a million partitions is refused, and all sessions together remember a bounded number"""
    with a_server(programs) as (server, connection):
        before = server.resident_bytes()
        name = struct.pack('>h', len(_TOPIC)) + _TOPIC.encode()
        head = struct.pack('>iiiibiii', -1, 0, 1, 1 << 20, 0, 0, -1, 1) + name + struct.pack('>i', 1_000_000)
        body = head + struct.pack('>iqqi', 0, 0, -1, 1024) * 1_000_000 + struct.pack('>i', 0)
        for _ in range(3):
            assert connection.call(kafka.FETCH, 7, body)['error'] == _INVALID_REQUEST
        sessions = []
        for _ in range(6):
            answer = fetch(connection, 0, 0, dict.fromkeys(range(40_000), 0))
            assert answer['error'] == 0 and len(told(answer)) == 40_000
            sessions.append(answer['session_id'])
        assert all(sessions[:5]) and sessions[5] == 0, sessions
        answer = fetch(connection, sessions[0], 1, {index: 0 for index in range(40_000, 40_002)})
        assert (answer['error'], answer['topics']) == (_NOT_FOUND, []), answer
        assert told(fetch(connection, sessions[1], 1, {}, forgotten=range(6, 40_000))) == {}
        resident = server.resident_bytes()
        note(f'{before >> 20} MiB before, {resident >> 20} MiB after')
        assert resident < before + (400 << 20) or programs.sanitized
        append(connection, 0)


if __name__ == '__main__':
    sys.exit(cases.main())
