"""Many connections: what an idle one costs, how they spread over reactors, and what slow clients can hold.

Alone, with a number: measures that many idle connections, as `connections_test.py --penstock build/tools/penstock 10000`.
"""
import contextlib
import resource
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from metrics_test import a_server, scrape

cases = Cases()

_IDLE_BYTES_MAX = 4096  # of the server's own memory; the kernel's is not in it


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def open_idle(server, count, stack):
    """Connections that have asked something once, and nothing since."""
    opened = []
    for _ in range(count):
        connection = stack.enter_context(server.connect(timeout=60))
        connection.call(kafka.API_VERSIONS, 0, {})
        opened.append(connection)
    return opened


def measure_idle(server, count):
    """What each of `count` idle connections adds to the server's resident memory, in bytes."""
    with contextlib.ExitStack() as warm_up:
        open_idle(server, 50, warm_up)
    wait_for_connections(server, 0)
    before = server.resident_bytes()
    with contextlib.ExitStack() as stack:
        open_idle(server, count, stack)
        wait_for_connections(server, count)
        time.sleep(0.2)
        each = (server.resident_bytes() - before) / count
        page = scrape(server)
        spread = [page.get('penstock_connections', reactor=str(index)) for index in range(server.reactors)]
    note(f'{count} idle connections: {each:.0f} bytes each; on the reactors {[int(part) for part in spread]}')
    return each, spread


def wait_for_connections(server, count):
    deadline = time.monotonic() + 20
    while scrape(server).total('penstock_connections') != count:
        assert time.monotonic() < deadline, scrape(server).total('penstock_connections')
        time.sleep(0.02)


@cases.case('uring')
@cases.case('threads')
def idle_ones_are_cheap(programs, io):
    """A thousand idle connections spread over the reactors and cost little memory, on"""
    raise_descriptor_limit()
    with a_server(programs, io) as server:
        each, spread = measure_idle(server, 1000)
        # By the hash of their addresses: this far from the half they are once in a billion runs.
        assert min(spread) > 400, spread
        if not programs.sanitized:
            assert each <= _IDLE_BYTES_MAX, f'{each} bytes'


@cases.case()
def limits_hold(programs):
    """One connection more than may be from one address is closed, one more than may be at all waits"""
    with a_server(programs, options=['--max.connections.per.ip=5']) as server:
        with contextlib.ExitStack() as stack:
            open_idle(server, 5, stack)
            with server.connect(timeout=20) as beyond:
                assert beyond.ended(20)
        wait_for_connections(server, 0)
        with server.connect(timeout=20) as again:
            again.call(kafka.API_VERSIONS, 0, {})
        assert scrape(server).total('penstock_connections_ended_total', reason='limit') == 1
    with a_server(programs, options=['--max.connections=3']) as server:
        with contextlib.ExitStack() as stack:
            opened = open_idle(server, 3, stack)
            waiting = stack.enter_context(server.connect(timeout=20))
            waiting.send(kafka.API_VERSIONS, 0, {})
            waiting.socket.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                raise AssertionError(f'answered: {waiting.receive_frame()}')
            waiting.socket.settimeout(20)
            opened[0].close()
            assert waiting.receive()['error'] == 0


@cases.case()
def idle_ones_end(programs):
    """A connection that asks nothing is closed in time, one that waits for an answer is not"""
    with a_server(programs, options=['--connections.max.idle.ms=400']) as server, server.connect() as admin:
        admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('t'))
        with server.connect(timeout=20) as idle, server.connect(timeout=20) as parked:
            idle.call(kafka.API_VERSIONS, 0, {})
            parked.send(kafka.FETCH, 11, kafka.fetch('t', {0: 0}, max_wait_ms=1500))
            assert idle.ended(20)
            assert parked.receive()['error'] == 0
        assert scrape(server).total('penstock_connections_ended_total', reason='idle') >= 1


def wait_until(holds, what):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@cases.case('uring')
@cases.case('threads')
def slow_readers(programs, io):
    """Clients that ask for a lot and read nothing hold bounded memory, and others are served, on"""
    value = bytes(500_000)
    with a_server(programs, io, options=['--memory=32MiB']) as server, server.connect(timeout=40) as healthy:
        healthy.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('t'))
        for _ in range(30):
            answer = healthy.call(kafka.PRODUCE, 7, kafka.produce('t', {0: encode_batch([value])}))
            assert kafka.only_partition(answer)['error'] == 0
        before = server.resident_bytes()
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                reader = stack.enter_context(server.connect(timeout=40))
                for _ in range(50):
                    reader.send(kafka.FETCH, 11, kafka.fetch('t', {0: 0}, partition_bytes=50_000_000))
            wait_until(lambda: scrape(server).total('penstock_unsent_bytes') > 5_000_000, 'nobody is slow')
            for number in range(10):
                answer = healthy.call(kafka.PRODUCE, 7, kafka.produce('t', {0: encode_batch([value])}))
                assert kafka.only_partition(answer)['error'] == 0
                answer = healthy.call(kafka.FETCH, 11, kafka.fetch('t', {0: 30 + number}))
                part = kafka.only_partition(answer)
                assert (part['error'], len(decode_batches(part['records']))) == (0, 1), part['error']
            page = scrape(server)
            unsent = page.total('penstock_unsent_bytes')
            used = page.total('penstock_buffers_bytes') - page.total('penstock_buffers_free_bytes')
            grown = server.resident_bytes() - before
            note(f'unsent {unsent / 1e6:.1f} MB, buffers in use {used / 1e6:.1f} MB, {grown / 1e6:.1f} MB more resident')
            # Each reactor: a quarter of its buffers, one answer more per request that was begun beside it.
            assert unsent < 2 * (8 << 20) + 20 * 1_100_000, unsent
            assert programs.sanitized or grown < 64 << 20, grown


@cases.case()
def slow_writers(programs):
    """Clients that claim large requests and send them byte by byte hold little memory, and others are served"""
    with a_server(programs, options=['--memory=32MiB']) as server, server.connect(timeout=40) as healthy:
        healthy.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('t'))
        before = server.resident_bytes()
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(server.connect(timeout=40)) for _ in range(400)]
            for writer in writers:
                writer.socket.sendall((90 << 20).to_bytes(4, 'big') + b'\0\0\0\7\0')
            for _ in range(3):
                for writer in writers:
                    writer.socket.sendall(b'\0')
                for _ in range(5):
                    answer = healthy.call(kafka.PRODUCE, 7, kafka.produce('t', {0: encode_batch([bytes(200_000)])}))
                    assert kafka.only_partition(answer)['error'] == 0
            page = scrape(server)
            held = page.total('penstock_request_memory_bytes')
            grown = server.resident_bytes() - before
            note(f'400 slow writers: {held / 1e6:.1f} MB of requests, {grown / 1e6:.1f} MB more resident')
            # The first half of the budget goes out in pieces of 64 KiB, the rest in pieces of 4 KiB.
            assert held < 2 * ((8 << 20) + (64 << 10)) + 400 * 4096 + 1_000_000, held
            assert page.total('penstock_request_memory_waiting') == 0


@cases.case()
def memory_of_requests_is_bounded(programs):
    """Large requests wait for each other where memory is short, and all are served"""
    with a_server(programs, reactors=1, options=['--queued.max.request.bytes=1000000']) as server:
        with server.connect() as admin:
            admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('t'))
        with contextlib.ExitStack() as stack:
            halves = []
            for _ in range(6):
                connection = stack.enter_context(server.connect(timeout=40))
                frame = connection.frame(kafka.PRODUCE, 7, kafka.produce('t', {0: encode_batch([bytes(700_000)])}))
                connection.socket.sendall(frame[:200_000])
                connection.expected.append((connection.correlation, kafka.PRODUCE, 7))
                halves.append((connection, frame[200_000:]))
            wait_until(lambda: scrape(server).total('penstock_request_memory_waiting') > 0, 'nobody waits')
            assert scrape(server).total('penstock_request_memory_bytes') < 2_000_000
            for connection, rest in halves:
                connection.socket.sendall(rest)
            for connection, _ in halves:
                assert kafka.only_partition(connection.receive())['error'] == 0


@cases.case()
def large_requests_behind_parked_fetches(programs):
    """What would only wait behind a fetch of its own connection takes no memory from others"""
    with a_server(programs, reactors=1, options=['--queued.max.request.bytes=1000000']) as server:
        produce = kafka.produce('t', {0: encode_batch([bytes(700_000)])})
        with server.connect(timeout=20) as healthy, contextlib.ExitStack() as stack:
            healthy.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('t', partitions=2))
            for _ in range(6):
                connection = stack.enter_context(server.connect(timeout=40))
                connection.send(kafka.FETCH, 11, kafka.fetch('t', {1: 0}, max_wait_ms=60_000))
                frame = connection.frame(kafka.PRODUCE, 7, produce)
                connection.socket.sendall(frame[:100_000])
            for _ in range(20):
                assert kafka.only_partition(healthy.call(kafka.PRODUCE, 7, produce))['error'] == 0
            assert scrape(server).total('penstock_request_memory_bytes') < 100_000


def main():
    if sys.argv[-1].isdigit():
        from server import Programs
        count = int(sys.argv.pop())
        raise_descriptor_limit()
        with a_server(Programs(), options=['--memory=16MiB']) as server:
            measure_idle(server, count)
        return
    cases.main()


if __name__ == '__main__':
    sys.exit(main())
