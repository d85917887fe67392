"""Fetches that wait: woken by an append, not by a timer; costing nothing meanwhile; given up with their client."""
import contextlib
import os
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from server import running_server

cases = Cases()

_TOPIC = 'awaited'
_PARTITIONS = 4  # on both reactors
_WAIT_MS = 20_000


@contextlib.contextmanager
def a_server(programs, io='uring', options=()):
    with running_server(programs, io=io, options=options) as server:
        with server.connect(timeout=40) as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=_PARTITIONS))
            yield server, connection


def park(connection, offsets, **options):
    connection.send(kafka.FETCH, 11, kafka.fetch(_TOPIC, offsets, max_wait_ms=_WAIT_MS, **options))


def append(connection, index, value=b'news'):
    answer = connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {index: encode_batch([value])}))
    result = kafka.only_partition(answer)
    assert result['error'] == 0
    return result['base_offset']


@cases.case('uring')
@cases.case('threads')
def woken_by_an_append(programs, io):
    """A parked fetch is answered as soon as there is something, on"""
    delays = []
    with a_server(programs, io) as (server, producer):
        ends = dict.fromkeys(range(_PARTITIONS), 0)
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(server.connect(timeout=40)) for _ in range(8)]
            for number in range(20):
                for reader in readers:
                    park(reader, ends)
                time.sleep(0.02)
                changed = number % _PARTITIONS
                offset = append(producer, changed)
                began = time.monotonic()
                for reader in readers:
                    topic = reader.receive()['topics'][0]
                    found = {part['index']: decode_batches(part['records'] or b'') for part in topic['partitions']}
                    assert [record.offset for record in found.pop(changed)] == [offset]
                    assert not any(found.values())
                delays.append(time.monotonic() - began)
                ends[changed] = offset + 1
    note(f'after the acknowledgement, eight readers had it in {sorted(delays)[len(delays) // 2] * 1000:.1f} ms '
         f'in the middle, {max(delays) * 1000:.1f} ms at most')
    assert max(delays) < _WAIT_MS / 1000 / 4


@cases.case()
def waits_for_enough(programs):
    """A parked fetch is not answered before there are as many bytes as it wants, or its time is over"""
    with a_server(programs) as (server, producer), server.connect() as reader:
        park(reader, {0: 0}, min_bytes=3000)
        for _ in range(3):
            reader.socket.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                raise AssertionError(f'answered early: {reader.receive_frame()}')
            reader.socket.settimeout(20)
            append(producer, 0, bytes(950))
        result = kafka.only_partition(reader.receive())
        assert len(decode_batches(result['records'])) == 3
        began = time.monotonic()
        answer = reader.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 3}, max_wait_ms=300))
        seconds = time.monotonic() - began
        result = kafka.only_partition(answer)
        assert (result['error'], result['high_watermark'], result['records'] or b'') == (0, 3, b''), result
        assert 0.29 < seconds < 10, seconds


@cases.case()
def parked_costs_nothing(programs):
    """Fifty parked fetches cost no processor time"""
    with a_server(programs, options=('--poll=adaptive',)) as (server, producer), contextlib.ExitStack() as stack:
        readers = [stack.enter_context(server.connect(timeout=40)) for _ in range(50)]
        for reader in readers:
            park(reader, dict.fromkeys(range(_PARTITIONS), 0))
        time.sleep(0.5)
        before = server.cpu_seconds()
        time.sleep(2)
        used = server.cpu_seconds() - before
        note(f'{used * 1000:.0f} ms of processor time in 2 s')
        append(producer, 1)
        for reader in readers:
            assert reader.receive()['error'] == 0
        assert used < 0.2, f'{used} s'


@cases.case()
def topic_goes_away(programs):
    """A fetch parked on a topic that is deleted is told so at once"""
    with a_server(programs) as (server, admin), server.connect() as reader:
        park(reader, {0: 0, 1: 0})
        time.sleep(0.1)
        began = time.monotonic()
        admin.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics(_TOPIC))
        parts = reader.receive()['topics'][0]['partitions']
        # The partitions go one after the other: what is left of the others is told next time.
        assert {part['error'] for part in parts} in ({3}, {0, 3}), parts
        assert time.monotonic() - began < _WAIT_MS / 1000 / 4


@cases.case(0)
@cases.case(3)
def client_goes_away(programs, behind):
    """A parked fetch whose client has gone keeps no descriptor; requests behind it:"""
    with a_server(programs) as (server, producer):
        descriptors = f'/proc/{server.process.pid}/fd'
        before = len(os.listdir(descriptors))
        readers = [server.connect() for _ in range(100)]
        for reader in readers:
            for _ in range(1 + behind):
                reader.send(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 0}, max_wait_ms=500_000))
        time.sleep(0.3)
        for reader in readers:
            reader.close()
        deadline = time.monotonic() + 10
        while len(os.listdir(descriptors)) > before:
            assert time.monotonic() < deadline, f'{len(os.listdir(descriptors))} are open, {before} were'
            time.sleep(0.05)
        append(producer, 0)


if __name__ == '__main__':
    sys.exit(cases.main())
