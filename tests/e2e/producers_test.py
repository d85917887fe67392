"""Idempotent producers: what is sent again is stored once and answered as it was the first time, over cut connections,
kill -9 and restarts; and every way in which a sequence can be wrong has its error code."""
import contextlib
import sys
import time

from confluent_kafka import Producer

import kafka_messages as kafka
import kafka_producer_messages as producers
from cases import Cases, note
from cutting_proxy import behind_cuts
from kafka_wire import encode_batch
from server import running_server
from stored import values_of

cases = Cases()

_TOPIC = 'once'
_SEQUENCE_MAX = (1 << 31) - 1

# Kafka's codes.
_NONE, _UNKNOWN_TOPIC, _UNSUPPORTED_VERSION, _INVALID_REQUEST = 0, 3, 35, 42
_OUT_OF_ORDER, _INVALID_EPOCH, _INVALID_RECORD = 45, 47, 87


class Identity:
    """A producer that a test plays, over any connection."""

    def __init__(self, connection, version=4):
        answer = connection.call(producers.INIT_PRODUCER_ID, version, producers.init_producer_id())
        assert (answer['error'], answer['producer_epoch']) == (_NONE, 0), answer
        self.id, self.epoch = answer['producer_id'], 0

    def batch(self, sequence, count=1, epoch=None, value=b'value'):
        return encode_batch([value] * count, producer_id=self.id, base_sequence=sequence,
                            producer_epoch=self.epoch if epoch is None else epoch)

    def produce(self, connection, sequence, count=1, **options):
        """(error, base offset) of one batch."""
        body = kafka.produce(_TOPIC, {0: self.batch(sequence, count, **options)})
        result = kafka.only_partition(connection.call(kafka.PRODUCE, 7, body))
        return result['error'], result['base_offset']


def described(connection):
    answer = connection.call(producers.DESCRIBE_PRODUCERS, 0, producers.describe_producers(_TOPIC, 0))
    result = kafka.only_partition(answer)
    assert result['error'] == 0, result
    return {each['producer_id']: (each['producer_epoch'], each['last_sequence']) for each in result['producers']}


@contextlib.contextmanager
def server_with_topic(programs, **options):
    with running_server(programs, **options) as server, server.connect() as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC))
        yield server, connection


@cases.case()
def ids_are_never_given_twice(programs):
    """Producer ids are new over connections, kill -9 and restarts"""
    seen = set()
    with running_server(programs) as server:
        for round_number in range(4):
            for _ in range(3):
                with server.connect() as connection:
                    for version in range(5):
                        identity = Identity(connection, version)
                        assert identity.id not in seen and identity.id >= 0
                        seen.add(identity.id)
            if round_number % 2:
                server.terminate()
            else:
                server.kill()
            server.start()


@cases.case()
def epochs(programs):
    """Who gives its id and epoch gets the next epoch, and what makes no sense is refused"""
    with running_server(programs) as server, server.connect() as connection:
        def init(version=4, **fields):
            answer = connection.call(producers.INIT_PRODUCER_ID, version, producers.init_producer_id(**fields))
            return answer['error'], answer['producer_id'], answer['producer_epoch']

        mine = Identity(connection)
        for version in (3, 4):
            assert init(version, producer_id=mine.id, producer_epoch=6) == (_NONE, mine.id, 7)
        # The last epoch has no next one, and an id that nobody was given is nobody's: a new one is given.
        for fields in ({'producer_id': mine.id, 'producer_epoch': 32766}, {'producer_id': 1 << 40, 'producer_epoch': 0}):
            error, fresh, epoch = init(**fields)
            assert (error, epoch) == (_NONE, 0) and fresh not in (mine.id, 1 << 40), (error, fresh, epoch)
        for fields in ({'producer_id': 5}, {'producer_epoch': 5}, {'producer_id': -7, 'producer_epoch': 1},
                       {'producer_id': 7, 'producer_epoch': -3}, {'transactional_id': ''}):
            assert init(**fields) == (_INVALID_REQUEST, -1, -1), fields
        for version in range(5):
            assert init(version, transactional_id='mine') == (_UNSUPPORTED_VERSION, -1, -1)


@cases.case()
def every_sequence_error(programs):
    """Gaps, old epochs and parts of batches are refused, repetitions answered with their first offset"""
    with server_with_topic(programs) as (server, connection):
        mine = Identity(connection)
        assert [mine.produce(connection, sequence, 3) for sequence in (0, 3, 6, 9, 12, 15)] == [
            (_NONE, sequence) for sequence in (0, 3, 6, 9, 12, 15)]
        with server.connect() as other:  # it does not matter over which connection
            for sequence in (3, 6, 9, 12, 15, 3):
                assert mine.produce(other, sequence, 3) == (_NONE, sequence)
        for sequence, count in ((0, 3), (19, 3), (21, 3), (17, 3), (15, 2), (15, 4), (16, 2), (_SEQUENCE_MAX, 1)):
            assert mine.produce(connection, sequence, count) == (_OUT_OF_ORDER, -1), (sequence, count)
        assert mine.produce(connection, 1, epoch=1) == (_OUT_OF_ORDER, -1)
        assert mine.produce(connection, 0, epoch=1) == (_NONE, 18)
        assert mine.produce(connection, 18, 3, epoch=0) == (_INVALID_EPOCH, -1)
        assert mine.produce(connection, 15, 3, epoch=0) == (_INVALID_EPOCH, -1)
        assert mine.produce(connection, 0, epoch=1) == (_NONE, 18)
        assert mine.produce(connection, 1, epoch=1) == (_NONE, 19)
        for lies in ({'sequence': -1}, {'sequence': 2, 'epoch': -1}):
            assert mine.produce(connection, **lies) == (_INVALID_RECORD, -1), lies
        # One that is not known may begin anywhere, also shortly before the sequences begin again.
        unknown = Identity(connection)
        assert unknown.produce(connection, _SEQUENCE_MAX - 1, 3) == (_NONE, 20)
        assert unknown.produce(connection, 1, 2) == (_NONE, 23)
        assert unknown.produce(connection, _SEQUENCE_MAX - 1, 3) == (_NONE, 20)
        assert unknown.produce(connection, _SEQUENCE_MAX, 1) == (_OUT_OF_ORDER, -1)
        assert described(connection) == {mine.id: (1, 1), unknown.id: (0, 2)}
        assert len(values_of(connection, _TOPIC)) == 25


@cases.case()
def repetitions_in_flight(programs):
    """A batch sent many times at once, over many connections, is stored once and answered alike"""
    with server_with_topic(programs) as (server, connection), contextlib.ExitStack() as stack:
        mine = Identity(connection)
        others = [stack.enter_context(server.connect()) for _ in range(6)]
        for sequence in range(50):
            body = kafka.produce(_TOPIC, {0: mine.batch(sequence)})
            for other in others:
                for _ in range(3):
                    other.send(kafka.PRODUCE, 7, body)
            for other in others:
                for _ in range(3):
                    result = kafka.only_partition(other.receive())
                    assert (result['error'], result['base_offset']) == (_NONE, sequence), result
        assert len(values_of(connection, _TOPIC)) == 50


@cases.case()
def known_after_restarts(programs):
    """After kill -9 and an orderly stop a batch is still known, wherever its segment is"""
    with server_with_topic(programs) as (server, connection):
        many = [Identity(connection) for _ in range(20)]
        end = 0
        for round_number in range(4):
            places = {}
            with server.connect() as connection:
                for mine in many:
                    places[mine.id] = mine.produce(connection, round_number)[1]
                    assert places[mine.id] == end
                    end += 1
                # Enough for the log to go on in other files.
                filling = [mine.produce(connection, round_number + 7, value=bytes(900_000))
                           for mine in [Identity(connection)] for _ in range(1 + round_number)]
                assert all(error == 0 for error, _ in filling[:1])
                end += 1
            if round_number % 2:
                server.terminate()
            else:
                server.kill()
            server.start()
            with server.connect() as connection:
                for mine in many:
                    assert mine.produce(connection, round_number) == (_NONE, places[mine.id])
                    assert mine.produce(connection, round_number + 2)[0] == _OUT_OF_ORDER
                    assert mine.produce(connection, round_number + 1, epoch=5)[0] == _OUT_OF_ORDER


@cases.case()
def forgotten_in_time(programs):
    """Producers are forgotten after producer.id.expiration.ms, and told of until then"""
    options = ['--producer.id.expiration.ms=300', '--log.retention.check.interval.ms=20']
    with server_with_topic(programs, options=options) as (_, connection):
        mine = Identity(connection)
        assert mine.produce(connection, 0) == (_NONE, 0)
        deadline = time.monotonic() + 20
        while described(connection):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert mine.produce(connection, 5) == (_NONE, 1)
        answer = connection.call(producers.DESCRIBE_PRODUCERS, 0, producers.describe_producers(_TOPIC, 0, 1, -1, 0))
        assert [part['error'] for part in answer['topics'][0]['partitions']] == [
            _NONE, _UNKNOWN_TOPIC, _UNKNOWN_TOPIC, _INVALID_REQUEST]
        answer = connection.call(producers.DESCRIBE_PRODUCERS, 0, producers.describe_producers('nowhere', 0))
        assert kafka.only_partition(answer)['error'] == _UNKNOWN_TOPIC


@cases.case()
def too_many(programs):
    """Of more producers than a partition remembers the latest are known, and the node does not grow with the others"""
    most, count, burst = 4096, 6000, 500
    with server_with_topic(programs, options=['--log.retention.ms=-1']) as (server, connection):
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('flood', configs={'penstock.durability': 'written'}))
        began_with, mine = None, []
        for begin in range(0, count, burst):
            mine += [Identity(connection) for _ in range(burst)]
            for one in mine[begin:]:
                connection.send(kafka.PRODUCE, 7, kafka.produce('flood', {0: one.batch(0)}))
            for place in range(begin, begin + burst):
                result = kafka.only_partition(connection.receive())
                assert (result['error'], result['base_offset']) == (_NONE, place), result
            began_with = began_with or server.resident_bytes()
        answer = connection.call(producers.DESCRIBE_PRODUCERS, 0, producers.describe_producers('flood', 0))
        known = {each['producer_id'] for each in kafka.only_partition(answer)['producers']}
        assert known == {one.id for one in mine[-most:]}, len(known)
        assert server.resident_bytes() < began_with + (256 << 20 if programs.sanitized else 64 << 20)


def produce_all(port, count, meanwhile=lambda number: None):
    """Over librdkafka, with idempotence; returns what the client was not sure of."""
    failures = []
    # Short pauses keep the test short.
    producer = Producer({'bootstrap.servers': f'127.0.0.1:{port}', 'enable.idempotence': True, 'linger.ms': 1,
                         'batch.num.messages': 20, 'retry.backoff.ms': 5, 'reconnect.backoff.ms': 5,
                         'reconnect.backoff.max.ms': 50, 'message.timeout.ms': 60_000, 'log_level': 2,
                         'error_cb': lambda error: failures.append(error) if error.fatal() else None})
    for number in range(count):
        producer.produce(_TOPIC, b'%d' % number, partition=0,
                         on_delivery=lambda error, _: failures.append(error) if error else None)
        producer.poll(0)
        meanwhile(number)
    assert producer.flush(60) == 0, 'not all was delivered'
    return failures


@cases.case()
def cut_connections(programs):
    """librdkafka's records are stored once and in order, though connections end before the answer"""
    count = 3000
    with server_with_topic(programs) as (server, _), behind_cuts(server, 0.15) as proxy:
        failures = produce_all(proxy.port, count)
        assert not failures, failures[:3]
        with server.connect() as fresh:
            values = values_of(fresh, _TOPIC)
        assert values == [b'%d' % number for number in range(count)], f'{len(values)} of {count}'
        assert proxy.cuts.total() > 5, proxy.cuts
        note(f'{proxy.cuts.total()} connections cut')


@cases.case()
def killed_in_the_middle(programs):
    """librdkafka's records are stored once and in order, though the server is killed and started again"""
    count = 4500
    with server_with_topic(programs) as (server, _):
        def kill_now_and_then(number):
            if number % 1500 == 1000:
                time.sleep(0.05)  # so that there are requests under way
                server.kill()
                server.start()

        failures = produce_all(server.port, count, kill_now_and_then)
        assert not failures, failures[:3]
        with server.connect() as connection:
            values = values_of(connection, _TOPIC)
        assert values == [b'%d' % number for number in range(count)], f'{len(values)} of {count}'


if __name__ == '__main__':
    sys.exit(cases.main())
