"""Frames that lie, bytes that are no frames, floods and storms: each costs its sender a connection at most."""
import contextlib
import os
import random
import select
import socket
import struct
import sys
import time

import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases, note
from healthy import bystander
from kafka_wire import Connection, WireError, encode_batch, encode_fields, uvarint

_PATIENCE_S = 30  # of the server with a request that has begun


@contextlib.contextmanager
def with_a_slow_client(programs):
    """A bystander, and beside it a client that began a request and never goes on."""
    with bystander(programs) as watching:
        with watching.server.connect() as slow:
            slow.socket.sendall(struct.pack('>i', 1000) + b'and no more')
            watching.slow = slow
            watching.slow_since = time.monotonic()
            yield watching


cases = Cases(with_a_slow_client)


def must_end(bystander, data, seconds=10):
    """Sends `data` on a new connection, which the server must end without an answer."""
    with bystander.server.connect() as connection:
        try:
            connection.socket.sendall(data() if callable(data) else data)
        except ConnectionError:  # it did not read to the end
            pass
        assert connection.ended(seconds), 'the connection stays open, or is answered'
    bystander.check()


def ends(name, data):
    cases.add(f'{name}: the connection ends', must_end, data)


def frame(body, key=18, version=0, header_tags=b''):
    content = struct.pack('>hhih', key, version, 1, 3) + b'e2e' + header_tags + body
    return struct.pack('>i', len(content)) + content


# Sizes, and what has none.
for size in (-1, -(1 << 31), 0, 1, 7, 9, (100 << 20) + 1, (1 << 31) - 1):
    ends(f'a frame of {size} bytes', struct.pack('>i', size) + bytes(16))
ends('a TLS hello', bytes.fromhex('16030100f8010000f40303') + bytes(245))
for verb in ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT'):
    ends(f'HTTP {verb}', f'{verb} / HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
ends('a greeting of SSH', b'SSH-2.0-OpenSSH_9.2\r\n')
ends('noise', random.Random(11).randbytes(100_000))

# Headers.
for key in (-1, 4, 17, 77, 1000, 32767):
    ends(f'api key {key}', frame(bytes(20), key=key))
for api, version in ((kafka.PRODUCE, 2), (kafka.PRODUCE, 99), (kafka.PRODUCE, -1), (kafka.FETCH, 3), (kafka.FETCH, 99),
                     (kafka.METADATA, 99), (kafka.METADATA, -1), (kafka.API_VERSIONS, -1), (kafka.LIST_OFFSETS, 0),
                     (kafka.CREATE_TOPICS, 99)):
    ends(f'{api.name} version {version}', frame(bytes(40), key=api.key, version=version))
ends('a client id past the frame', struct.pack('>ihhih', 20, 18, 0, 1, 1000) + bytes(10))
ends('a client id of length -2', struct.pack('>ihhih', 10, 18, 0, 1, -2))

# Tagged fields, of the header (which is read before anything is known of the sender) and of the body.
for where in ('header', 'body'):
    def tagged(tags, where=where):
        names = uvarint(4) + b'e2e' + uvarint(2) + b'1'
        return frame(names + (b'\0' if where == 'header' else tags), version=3,
                     header_tags=tags if where == 'header' else b'\0')

    ends(f'2^32-1 tagged fields claimed in the {where}', tagged(uvarint((1 << 32) - 1)))
    ends(f'300 tagged fields in the {where}', tagged(uvarint(300) + b''.join(uvarint(i) + b'\0' for i in range(300))))
    ends(f'3 million tagged fields in the {where}', lambda tagged=tagged: tagged(
        uvarint(3_000_000) + b''.join(uvarint(i) + b'\0' for i in range(3_000_000))))
    ends(f'a tag twice in the {where}', tagged(b'\x02\x07\0\x07\0'))
    ends(f'descending tags in the {where}', tagged(b'\x02\x07\0\x06\0'))
    ends(f'a tagged field past the frame in the {where}', tagged(b'\x01\x07\xff\x01'))
    ends(f'an integer of six bytes in the {where}', tagged(b'\x80\x80\x80\x80\x80\0'))
    ends(f'an integer of 33 bits in the {where}', tagged(b'\xff\xff\xff\xff\x1f'))

# Counts and lengths, at the only place of each kind where they stand.
ends('-1 topics to produce to', frame(struct.pack('>hhii', -1, 1, 100, -1), 0, 7))
ends('2^30 topics to produce to', frame(struct.pack('>hhii', -1, 1, 100, 1 << 30), 0, 7))
ends('2^31-1 partitions to produce to', frame(
    struct.pack('>hhiih', -1, 1, 100, 1, 1) + b't' + struct.pack('>i', (1 << 31) - 1), 0, 7))
ends('records of 2^30 bytes in a small frame', frame(
    struct.pack('>hhiih', -1, 1, 100, 1, 1) + b't' + struct.pack('>iii', 1, 0, 1 << 30), 0, 7))
ends('records of -2 bytes', frame(
    struct.pack('>hhiih', -1, 1, 100, 1, 1) + b't' + struct.pack('>iii', 1, 0, -2), 0, 7))
ends('-2 topics of Metadata', frame(struct.pack('>ib', -2, 1), 3, 4))
ends('2^30 topics of Metadata', frame(struct.pack('>ib', 1 << 30, 1), 3, 4))
ends('2^30 topics of Metadata, compact', frame(uvarint(1 << 30) + bytes(8), 3, 9, b'\0'))
ends('2^32-1 topics of Metadata, compact', frame(uvarint((1 << 32) - 1) + bytes(8), 3, 9, b'\0'))
ends('a null name', frame(struct.pack('>ihb', 1, -1, 1), 3, 4))
ends('a null name, compact', frame(uvarint(2) + b'\0' + bytes(4), 3, 9, b'\0'))
ends('a name of length -2', frame(struct.pack('>ihb', 1, -2, 1), 3, 4))
ends('a name past the frame', frame(struct.pack('>ih', 1, 500) + b'abc', 3, 4))
ends('a name that is not UTF-8', frame(struct.pack('>ih', 1, 3) + b'a\xff\xfe' + b'\1', 3, 4))
ends('-1 topics to fetch', frame(struct.pack('>iiiibi', -1, 0, 1, 1 << 20, 0, -1), 1, 4))
ends('2^30 topics to fetch', frame(struct.pack('>iiiibi', -1, 0, 1, 1 << 20, 0, 1 << 30), 1, 4))
ends('2^30 configs of a topic to create', frame(
    struct.pack('>ih', 1, 1) + b't' + struct.pack('>ihii', 1, 1, 0, 1 << 30), 19, 2))


_BODIES = (
    (kafka.PRODUCE, (3, 7, 9), kafka.produce('t', {0: encode_batch([b'v'])})),
    (kafka.FETCH, (4, 7, 11), kafka.fetch('t', {0: 0})),
    (kafka.LIST_OFFSETS, (1, 5, 7), kafka.list_offsets('t', {0: -1})),
    (kafka.METADATA, (1, 4, 9), kafka.metadata(['t'], create=False)),
    (kafka.FIND_COORDINATOR, (0, 3, 4), {'key': 'k', 'key_type': 0, 'keys': ['k']}),
    (kafka.API_VERSIONS, (3,), {'software_name': 'e2e', 'software_version': '1'}),
    (kafka.CREATE_TOPICS, (1, 4, 7), kafka.create_topics('t', validate_only=True)),
    (kafka.DELETE_TOPICS, (0, 4, 5), kafka.delete_topics('no-such-topic')),
    (groups.LIST_GROUPS, (4, 5), {'states': [], 'types': []}),
)


@cases.case()
def truncated_bodies(bystander):
    """A body that ends early, anywhere, ends the connection"""
    for api, versions, body in _BODIES:
        for version in versions:
            whole = encode_fields(api.request, body, version, version >= api.flexible)
            for length in sorted({0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 2, len(whole) - 1}):
                with bystander.server.connect() as connection:
                    connection.socket.sendall(connection.frame(api, version, whole[:length]))
                    assert connection.ended(), f'{api.name} v{version}, {length} of {len(whole)} bytes'
    bystander.check()


@cases.case()
def trailing_bytes(bystander):
    """A body with something after it ends the connection, but for those of Metadata and ListGroups: librdkafka sends such"""
    for api, versions, body in _BODIES:
        for version in versions:
            whole = encode_fields(api.request, body, version, version >= api.flexible)
            with bystander.server.connect() as connection:
                if api in (kafka.METADATA, groups.LIST_GROUPS):
                    connection.call(api, version, whole + b'\0')
                    continue
                connection.socket.sendall(connection.frame(api, version, whole + b'\0'))
                assert connection.ended(), f'{api.name} v{version}'
    bystander.check()


@cases.case()
def versions_to_come(bystander):
    """ApiVersions of a version to come is told in version 0 which there are, and the connection goes on"""
    with bystander.server.connect() as connection:
        for version in (5, 99, 32767):
            connection.socket.sendall(connection.frame(kafka.API_VERSIONS, version, b'whatever it holds', key=18))
            connection.expected.append((connection.correlation, kafka.API_VERSIONS, 0))
            answer = connection.receive()
            assert answer['error'] == 35, answer
            assert {'key': 18, 'first': 0, 'last': 4} in answer['apis'], answer
        answer = connection.call(kafka.API_VERSIONS, 3, {'software_name': 'e2e', 'software_version': '1'})
        assert answer['error'] == 0 and len(answer['apis']) == len(kafka.APIS)
    bystander.check()


@cases.case()
def what_is_legal(bystander):
    """Unknown tags, a long client id and a request that arrives byte by byte are served"""
    tags = b'\x03' + b''.join(uvarint(tag) + b'\x02ab' for tag in (5, 6, 4000))
    names = uvarint(4) + b'e2e' + uvarint(2) + b'1'
    with bystander.server.connect() as connection:
        connection.socket.sendall(frame(names + tags, version=3, header_tags=tags))
        assert connection.receive_frame()[:6] == struct.pack('>ih', 1, 0)
        content = struct.pack('>hhih', 18, 0, 2, 32_000) + bytes(32_000)
        connection.socket.sendall(struct.pack('>i', len(content)) + content)
        assert connection.receive_frame()[:6] == struct.pack('>ih', 2, 0)
        for byte in frame(b''):
            connection.socket.sendall(bytes([byte]))
            time.sleep(0.001)
        assert connection.receive_frame()[:6] == struct.pack('>ih', 1, 0)
    bystander.check()


@cases.case()
def claims_cost_nothing(bystander):
    """Two hundred clients claim 100 MiB each and send a little of it: memory grows by the little"""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(bystander.server.connect()) for _ in range(200)]
        for client in clients:
            client.socket.sendall(struct.pack('>i', 100 << 20) + bytes(100))
        for _ in range(20):
            for client in clients[:20]:
                client.socket.sendall(b'x')
        bystander.check()
    bystander.check()


@cases.case()
def storm(bystander):
    """Four thousand connections, most broken off, leave no descriptor behind"""
    descriptors = f'/proc/{bystander.server.process.pid}/fd'
    before = len(os.listdir(descriptors))
    chance = random.Random(12)
    good = frame(b'')
    for number in range(4000):
        client = socket.create_connection(('127.0.0.1', bystander.server.port))
        how = chance.randrange(4)
        if how:
            client.sendall(good[:chance.randrange(1, len(good))] if how == 1 else good)
        if how == 3:  # a reset instead of an end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
        if number % 500 == 0:
            bystander.check()
    deadline = time.monotonic() + 10
    while len(os.listdir(descriptors)) > before + 2:
        assert time.monotonic() < deadline, f'{len(os.listdir(descriptors))} descriptors are open, {before} were'
        time.sleep(0.05)
    bystander.check()


def fill(server, topic, batch_count, batch_bytes):
    with server.connect() as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(topic))
        batch = encode_batch([bytes(batch_bytes)])
        for _ in range(batch_count):
            assert kafka.only_partition(connection.call(kafka.PRODUCE, 7, kafka.produce(topic, {0: batch})))['error'] == 0


@cases.case()
def unread_answers(bystander):
    """Ten thousand requests are pipelined before the first answer is read: memory stays, and all come in order"""
    fill(bystander.server, 'pipelined', 1, 20_000)
    with bystander.server.connect(receive_buffer=1 << 16) as connection:
        requests = bytearray()
        for _ in range(10_000):
            requests += connection.frame(kafka.FETCH, 4, kafka.fetch('pipelined', {0: 0}))
            connection.expected.append((connection.correlation, kafka.FETCH, 4))
        connection.socket.setblocking(False)
        sent = 0
        while select.select([], [connection.socket], [], 1)[1]:  # until the server stops reading
            sent += connection.socket.send(requests[sent:sent + 65536])
            if sent == len(requests):
                break
        bystander.check()
        note(f'{sent} of {len(requests)} bytes were taken before an answer was read')
        answers = 0
        received = bytearray()
        while answers < 10_000:
            wants_write = [connection.socket] if sent < len(requests) else []
            readable, writable, _ = select.select([connection.socket], wants_write, [], 20)
            assert readable or writable, f'nothing more after {answers} answers'
            if writable:
                sent += connection.socket.send(requests[sent:sent + 65536])
            if readable:
                received += connection.socket.recv(1 << 20)
                at = 0
                while len(received) - at >= 8:
                    length, correlation = struct.unpack_from('>ii', received, at)
                    if len(received) - at < 4 + length:
                        break
                    answers += 1
                    assert correlation == answers and length > 20_000
                    at += 4 + length
                del received[:at]
        assert not received
    bystander.check()


@cases.case()
def readers_that_never_read(bystander):
    """Fifty clients ask for hundreds of megabytes and read nothing: the others are served"""
    fill(bystander.server, 'unread', 60, 1_000_000)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(bystander.server.connect(receive_buffer=1 << 16)) for _ in range(50)]
        for client in clients:
            for _ in range(10):
                client.send(kafka.FETCH, 4, kafka.fetch('unread', {0: 0}, partition_bytes=50 << 20))
        slowest = 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            began = time.monotonic()
            bystander.check()
            slowest = max(slowest, time.monotonic() - began)
        note(f'resident {bystander.server.resident_bytes() >> 20} MiB; '
             f'the slowest produce and fetch of the bystander took {slowest * 1000:.0f} ms')
        # One of them changes its mind.
        topic = clients[0].receive()['topics'][0]
        assert topic['partitions'][0]['error'] == 0
    bystander.check()


@cases.case()
def a_request_that_never_ends(bystander):
    """A client that begins a request and does not go on is given up"""
    left = bystander.slow_since + _PATIENCE_S + 10 - time.monotonic()
    assert bystander.slow.ended(max(left, 1)), f'still open after {_PATIENCE_S + 10} s'
    assert time.monotonic() - bystander.slow_since > _PATIENCE_S / 3 or left <= 0
    bystander.check()


if __name__ == '__main__':
    sys.exit(cases.main())
