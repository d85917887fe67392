"""Starting and stopping: cleanly, twice, on other threads, without descriptors, beside another server."""
import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import WireError, decode_batches, encode_batch
from server import Server, data_directory, running_server

cases = Cases()

_TOPIC = 'kept'


def append(connection, count, partitions=3, begin=0):
    """One record to each partition, so often."""
    for number in range(begin, begin + count):
        batches = {index: encode_batch([b'%d of %d' % (number, index)]) for index in range(partitions)}
        answer = connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, batches))
        assert {part['error'] for part in answer['topics'][0]['partitions']} == {0}, answer


def assert_there(connection, count, partitions=3):
    answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, dict.fromkeys(range(partitions), 0)))
    for part in answer['topics'][0]['partitions']:
        values = [record.value for record in decode_batches(part['records'])]
        assert values == [b'%d of %d' % (number, part['index']) for number in range(count)], part['index']


@cases.case('uring', 'SIGTERM')
@cases.case('threads', 'SIGTERM')
@cases.case('uring', 'SIGINT')
def clean_stop(programs, io, signal_name):
    """With parked fetches, open connections and requests under way, a server stops cleanly, on"""
    with running_server(programs, io=io) as server, contextlib.ExitStack() as stack:
        connection = stack.enter_context(server.connect())
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=3))
        append(connection, 100)
        clients = [stack.enter_context(server.connect()) for _ in range(60)]
        for client in clients[:40]:
            client.send(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 100, 1: 100}, max_wait_ms=300_000))
        for client in clients[40:45]:
            client.socket.sendall(b'\0\0\1\0half a request')
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('busy'))
        for client in clients[45:50]:
            for number in range(20):
                client.send(kafka.PRODUCE, 7, kafka.produce('busy', {0: encode_batch([bytes(50_000)])}))
        acknowledged = kafka.only_partition(clients[45].receive())['base_offset']
        began = time.monotonic()
        server.process.send_signal(getattr(signal, signal_name))
        status = server.process.wait(20)
        note(f'{time.monotonic() - began:.2f} s')
        assert status == 0, f'exit status {status}:\n{server.said()}'
        assert time.monotonic() - began < 10
        # What was answered before the end counts.
        for client in clients[45:50]:
            with contextlib.suppress(WireError, ConnectionError):
                while client.expected:
                    result = kafka.only_partition(client.receive())
                    if result['error'] == 0:
                        acknowledged = max(acknowledged, result['base_offset'])
        server.start()
        with server.connect() as again:
            assert_there(again, 100)
            end = kafka.only_partition(again.call(kafka.LIST_OFFSETS, 1, kafka.list_offsets('busy', {0: -1})))['offset']
            assert end > acknowledged, f'{acknowledged} was acknowledged, the log ends at {end}'
        assert server.terminate()[0] == 0, server.said()


@cases.case()
def stop_at_any_moment(programs):
    """A server that is stopped while it starts ends cleanly too"""
    with running_server(programs) as server:
        with server.connect() as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=3))
            append(connection, 100)
        server.kill()
        for milliseconds in (60, 100, 140, 180, 250, 400):
            process = subprocess.Popen(server.command(), stdout=server.log, stderr=server.log)
            time.sleep(milliseconds / 1000)
            process.terminate()
            # Before it looks after signals, the signal ends it as it ends any program.
            assert process.wait(20) in (0, -signal.SIGTERM), f'{milliseconds} ms: {process.returncode}\n{server.said()}'
        server.start()
        with server.connect() as connection:
            assert_there(connection, 100)


@cases.case()
def other_threads(programs):
    """What was written with some number of reactors is there with another, and with the other backend"""
    with running_server(programs, reactors=1) as server:
        with server.connect() as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=3))
        count = 0
        for reactors, io in ((1, 'uring'), (2, 'threads'), (3, 'uring'), (1, 'threads'), (2, 'uring')):
            if count % 200:
                server.terminate()
            else:
                server.kill()
            server.reactors, server.io = reactors, io
            server.start()
            with server.connect() as connection:
                if count:
                    assert_there(connection, count)
                append(connection, 100, begin=count)
                count += 100
                assert_there(connection, count)


@cases.case()
def second_on_the_directory(programs):
    """A second server on a directory refuses, says why, and harms nobody"""
    with running_server(programs) as server:
        with server.connect() as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=3))
            append(connection, 100)
        second = Server(programs, server.directory)
        try:
            run = subprocess.run(second.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                                 check=False)
        finally:
            second.close()
        said = run.stdout.decode()
        note(said)
        assert run.returncode == 1, run.returncode
        assert str(server.directory) in said and 'another process' in said, said
        with server.connect() as connection:
            assert_there(connection, 100)


@cases.case()
def second_on_the_port(programs):
    """A second server on a port refuses, says why, and takes no client from the first"""
    with running_server(programs) as server, data_directory() as directory:
        second = Server(programs, directory / 'data')
        second.port_lock.close()
        second.port = server.port
        try:
            run = subprocess.run(second.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                                 check=False)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f'it runs: {error.stdout}') from None
        note(run.stdout.decode())
        assert run.returncode == 1, run.returncode
        assert str(server.port) in run.stdout.decode()


@cases.case()
def out_of_descriptors(programs):
    """Without a free descriptor new clients wait, old ones are served, and nothing spins"""
    with running_server(programs) as server, contextlib.ExitStack() as stack:
        connection = stack.enter_context(server.connect())
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=3))
        append(connection, 50)
        # Once beforehand: the behaviour sanitizer makes a pipe where it meets an object of a type it has not seen.
        assert_there(connection, 50)
        open_now = len(os.listdir(f'/proc/{server.process.pid}/fd'))
        before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir(f'/proc/{server.process.pid}/fd')))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (highest + 6, before[1]))
        clients = [stack.enter_context(server.connect()) for _ in range(40)]
        for client in clients:
            client.send(kafka.API_VERSIONS, 0, {})
        time.sleep(0.3)
        began_cpu = server.cpu_seconds()
        time.sleep(1)
        used = server.cpu_seconds() - began_cpu
        note(f'{open_now} descriptors were open; {used * 1000:.0f} ms of processor time in 1 s without any free')
        append(connection, 50, begin=50)
        assert_there(connection, 100)
        # Each client that is served and leaves makes room for another.
        waiting = {client.socket: client for client in clients}
        while waiting:
            answered, _, _ = select.select(list(waiting), [], [], 10)
            assert answered, f'{len(waiting)} clients are not served'
            for ready in answered:
                assert waiting[ready].receive()['error'] == 0
                waiting.pop(ready).close()
        assert_there(connection, 100)
        assert used < 0.5, f'{used} s of processor time in 1 s'


if __name__ == '__main__':
    sys.exit(cases.main())
