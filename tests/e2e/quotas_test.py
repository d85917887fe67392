"""Client quotas: kept, told, and held to by making clients wait."""
import socket
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

import kafka_messages as kafka
import kafka_quota_messages as quotas
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from metrics_test import a_server, scrape

cases = Cases()

_TOPIC = 'limited'
_WINDOWS = ['--quota.window.num=3', '--quota.window.size.seconds=1']  # 2 to 3 s are counted, and not 10 to 11


def alter(connection, entity, **limits):
    answer = connection.call(quotas.ALTER_CLIENT_QUOTAS, 1, quotas.alter_client_quotas(entity, limits))
    return answer['entries'][0]


def describe(connection, *components, strict=False):
    answer = connection.call(quotas.DESCRIBE_CLIENT_QUOTAS, 1, quotas.describe_client_quotas(*components, strict=strict))
    assert answer['error'] == 0, answer
    return [({part['type']: part['name'] for part in entry['entity']},
             {value['key']: value['value'] for value in entry['values']}) for entry in answer['entries']]


def produce(connection, size):
    """One record; value: the milliseconds to wait."""
    answer = connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {0: encode_batch([bytes(size)])}))
    assert kafka.only_partition(answer)['error'] == 0
    return answer['throttle_ms']


@cases.case()
def kept_and_told(programs):
    """What is set is there after kill -9, is found by its parts, and is gone when removed"""
    with a_server(programs) as server:
        with server.connect() as admin:
            for entity, limits in (({'client-id': 'a'}, {'producer_byte_rate': 1000.0}),
                                   ({'client-id': None}, {'consumer_byte_rate': 5000.0}),
                                   ({'user': 'ANONYMOUS', 'client-id': 'a'}, {'producer_byte_rate': 7.0}),
                                   ({'user': None}, {'producer_byte_rate': 1e15, 'consumer_byte_rate': 1e15})):
                assert alter(admin, entity, **limits)['error'] == 0
            assert alter(admin, {'client-id': 'b'}, producer_byte_rate=1.0)['error'] == 0
            assert alter(admin, {'client-id': 'b'}, producer_byte_rate=None)['error'] == 0
            everything = describe(admin)
        server.kill()
        server.start()
        with server.connect() as admin:
            assert describe(admin) == everything and len(everything) == 4, everything
            assert describe(admin, ('client-id', 'a'), strict=True) == [({'client-id': 'a'},
                                                                         {'producer_byte_rate': 1000.0})]
            assert len(describe(admin, ('client-id', 'a'))) == 2
            assert len(describe(admin, ('client-id', ...))) == 3
            assert describe(admin, ('client-id', None)) == [({'client-id': None}, {'consumer_byte_rate': 5000.0})]
            assert len(describe(admin, ('user', ...), ('client-id', ...))) == 1
            assert len(describe(admin, ('user', None))) == 1


@cases.case()
def refused(programs):
    """What cannot be done is refused, with nothing changed"""
    with a_server(programs) as server, server.connect() as admin:
        bad = [({'client-id': 'x'}, {'request_percentage': 50.0}), ({'client-id': 'x'}, {'producer_byte_rate': -1.0}),
               ({'client-id': 'x'}, {'producer_byte_rate': 0.5}), ({'client-id': 'x'}, {'consumer_byte_rate': float('nan')}),
               ({'client-id': 'x'}, {'consumer_byte_rate': float('inf')}), ({'client-id': ''}, {'producer_byte_rate': 1.0}),
               ({'ip': '1.2.3.4'}, {'connection_creation_rate': 1.0}), ({}, {'producer_byte_rate': 1.0}),
               ({'client-id': 'x' * 300}, {'producer_byte_rate': 1.0})]
        for entity, limits in bad:
            entry = alter(admin, entity, **limits)
            assert entry['error'] == 42 and entry['error_message'], (entity, limits, entry)
        answer = admin.call(quotas.ALTER_CLIENT_QUOTAS, 1, quotas.alter_client_quotas(
            {'client-id': 'x'}, {'producer_byte_rate': 5.0}, validate_only=True))
        assert answer['entries'][0]['error'] == 0
        assert describe(admin) == []
        for components in ([('ip', ...)], [('user', 'a'), ('user', 'b')], [('user', '')]):
            answer = admin.call(quotas.DESCRIBE_CLIENT_QUOTAS, 1, quotas.describe_client_quotas(*components))
            assert answer['error'] == 42 and answer['entries'] is None, answer


@cases.case()
def producers_wait(programs):
    """Producers of one client id, on any reactor, together keep to its rate, and are not read meanwhile"""
    rate = 100_000
    with a_server(programs, options=_WINDOWS) as server, server.connect() as admin:
        admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC))
        assert alter(admin, {'client-id': 'e2e'}, producer_byte_rate=float(rate))['error'] == 0
        sent = []

        def run():
            with server.connect(timeout=60) as connection:
                while time.monotonic() < until:
                    began = time.monotonic()
                    throttle_ms = produce(connection, 20_000)
                    sent.append((began, time.monotonic(), throttle_ms))

        began = time.monotonic()
        until = began + 3
        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = max(end for _, end, _ in sent) - began
        # What the windows hold may come at once, and requests of each connection that were let in side by side. Without
        # the limit it is some hundred times as much.
        most = 2 * (rate * (seconds + 3) + 6 * 21_000)
        note(f'{len(sent) * 20} kB in {seconds:.1f} s, where {rate // 1000} kB/s are allowed')
        assert len(sent) * 20_000 <= most, f'{len(sent)} requests in {seconds} s'
        assert any(throttle_ms > 0 for _, _, throttle_ms in sent)
        page = scrape(server)
        assert page.get('penstock_throttled_requests_total', kind='produce') > 0
        # Who is not limited is not slowed down.
        assert alter(admin, {'client-id': 'e2e'}, producer_byte_rate=None)['error'] == 0
        assert produce(admin, 20_000) == 0


@cases.case()
def muted(programs):
    """A client that is over its rate is answered at once, and then waits for as long as it was told"""
    with a_server(programs, options=_WINDOWS) as server, server.connect(timeout=60) as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC))
        assert alter(connection, {'client-id': None}, producer_byte_rate=50_000.0)['error'] == 0
        began = time.monotonic()
        throttle_ms = produce(connection, 200_000)  # what four seconds allow
        answered = time.monotonic()
        assert 500 < throttle_ms <= 2100, throttle_ms
        connection.send(kafka.API_VERSIONS, 0, {})
        connection.socket.shutdown(socket.SHUT_WR)  # the end of what it asks does not shorten it
        assert connection.receive()['error'] == 0
        waited = time.monotonic() - answered
        note(f'answered in {(answered - began) * 1000:.0f} ms, then muted for {waited * 1000:.0f} of {throttle_ms} ms')
        assert waited >= throttle_ms / 1000 - 0.05
        assert scrape(server).total('penstock_unsent_bytes') == 0


@cases.case()
def consumers_wait(programs):
    """A consumer over its rate gets nothing but the time to wait, and in the end everything"""
    with a_server(programs, options=_WINDOWS) as server, server.connect(timeout=60) as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC))
        for _ in range(8):
            produce(connection, 50_000)
        assert alter(connection, {'user': None}, consumer_byte_rate=100_000.0)['error'] == 0
        offset, told_to_wait, began = 0, 0, time.monotonic()
        while offset < 8:
            answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: offset}))
            if answer['throttle_ms'] > 0:
                told_to_wait += 1
                assert not any(part['records'] for topic in answer['topics'] for part in topic['partitions'])
                continue
            records = decode_batches(kafka.only_partition(answer)['records'])
            offset = records[-1].offset + 1
        note(f'400 kB in {time.monotonic() - began:.1f} s with 100 kB/s, told to wait {told_to_wait} times')
        assert told_to_wait > 0


@cases.case()
def librdkafka_is_told(programs):
    """librdkafka tells its program of the time a producer has to wait, and nothing is lost"""
    with a_server(programs, options=_WINDOWS) as server:
        with server.connect() as admin:
            admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC))
            assert alter(admin, {'client-id': 'told'}, producer_byte_rate=200_000.0,
                         consumer_byte_rate=200_000.0)['error'] == 0
        told = []
        config = {'bootstrap.servers': server.address(), 'client.id': 'told',
                  'throttle_cb': lambda event: told.append(event.throttle_time)}
        producer = Producer(config)
        for number in range(40):
            producer.produce(_TOPIC, bytes([number]) * 20_000)
        assert producer.flush(60) == 0
        while not told:
            producer.poll(0.1)
        note(f'the producer was told to wait {told} s')
        consumer = Consumer({**config, 'group.id': 'unused', 'fetch.message.max.bytes': 100_000})
        consumer.assign([TopicPartition(_TOPIC, 0, 0)])
        found = []
        while len(found) < 40:
            message = consumer.poll(0.5)
            if message is not None:
                assert not message.error(), message.error()
                found.append(message.value()[0])
        assert found == list(range(40)), found
        consumer.close()


if __name__ == '__main__':
    sys.exit(cases.main())
