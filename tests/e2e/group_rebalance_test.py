"""How long a large group takes for a rebalance beyond what its members are configured to wait: fifty, over 500 partitions."""
import selectors
import struct
import sys
import time

import kafka_group_messages as groups
from cases import Cases, note
from kafka_wire import decode_response
from server import running_server

cases = Cases()

_MEMBERS, _PARTITIONS = 50, 500
_HEARTBEAT_S = 0.2
_REBALANCING = 27


def subscription():
    return struct.pack('>hih', 0, 1, 5) + b'topic' + struct.pack('>i', -1)


def assignment(partitions):
    return (struct.pack('>hih', 0, 1, 5) + b'topic' + struct.pack('>i', len(partitions)) +
            b''.join(struct.pack('>i', index) for index in partitions) + struct.pack('>i', -1))


class Member:
    """What a consumer does in a group, driven by a loop: joins, syncs, and beats until it is told to join again."""

    def __init__(self, server, group):
        self.connection, self.group = server.connect(), group
        self.id, self.generation, self.assignment, self.assigned_at = '', -1, None, None
        self.received = b''
        self.beats_at = None
        self.join()

    def send(self, api, version, body):
        self.beats_at = None
        self.connection.send(api, version, body)

    def join(self):
        self.assignment = None
        self.send(groups.JOIN_GROUP, 5, groups.join_group(self.group, self.id, session_timeout_ms=30_000,
                                                          protocols=(('range', subscription()),)))

    def beat(self):
        self.send(groups.HEARTBEAT, 3, groups.heartbeat(self.group, self.generation, self.id))

    def readable(self):
        """Takes what has arrived, and answers each complete frame."""
        self.received += self.connection.socket.recv(1 << 20)
        while len(self.received) >= 4:
            (length,) = struct.unpack_from('>i', self.received)
            if len(self.received) < 4 + length:
                return
            frame, self.received = self.received[4:4 + length], self.received[4 + length:]
            correlation, api, version = self.connection.expected.pop(0)
            self.answered(api, decode_response(frame, api, version, correlation))

    def answered(self, api, answer):
        if api is groups.JOIN_GROUP:
            self.joined(answer)
        elif api is groups.SYNC_GROUP and answer['error'] == 0:
            self.assignment, self.assigned_at = answer['assignment'], time.monotonic()
            self.beats_at = time.monotonic() + _HEARTBEAT_S
        elif answer['error'] == 0:
            self.beats_at = time.monotonic() + _HEARTBEAT_S
        else:
            assert answer['error'] == _REBALANCING, answer
            self.join()

    def joined(self, answer):
        if answer['error'] == 79:
            self.id = answer['member_id']
            return self.join()
        assert answer['error'] == 0, answer
        self.generation = answer['generation']
        given = {}
        ids = sorted(member['member_id'] for member in answer['members'])
        for number, member_id in enumerate(ids):
            given[member_id] = assignment(range(number, _PARTITIONS, len(ids)))
        return self.send(groups.SYNC_GROUP, 3, groups.sync_group(self.group, self.generation, self.id, given))


def run(members, condition, patience_s=60):
    selector = selectors.DefaultSelector()
    for member in members:
        selector.register(member.connection.socket, selectors.EVENT_READ, member)
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        for key, _ in selector.select(0.01):
            key.data.readable()
        now = time.monotonic()
        for member in members:
            if member.beats_at is not None and member.beats_at <= now:
                member.beat()


def settled(members):
    """All have their assignments of the same generation."""
    return all(member.assignment for member in members) and len({member.generation for member in members}) == 1


@cases.case('uring')
@cases.case('threads')
def one_leaves(programs, io):
    """After one of 50 members leaves, the others have their new share of 500 partitions within a second, on"""
    options = ['--group.initial.rebalance.delay.ms=500']
    with running_server(programs, io=io, options=options) as server:
        members = [Member(server, 'large') for _ in range(_MEMBERS)]
        run(members, lambda: settled(members))
        took = []
        for _ in range(5):
            generation = members[0].generation
            leaver = members.pop()
            began = time.monotonic()
            leaver.connection.close()
            with server.connect() as connection:
                body = groups.leave_group('large', leaver.id)
                assert connection.call(groups.LEAVE_GROUP, 3, body)['members'][0]['error'] == 0
            run(members, lambda: settled(members) and members[0].generation > generation)
            took.append(max(member.assigned_at for member in members) - began)
        beyond = [seconds - _HEARTBEAT_S for seconds in took]
        note(f'beyond the {_HEARTBEAT_S} s in which all members ask: ' +
             ', '.join(f'{seconds * 1000:.0f} ms' for seconds in beyond))
        assert max(beyond) < (5 if programs.sanitized else 1), beyond


if __name__ == '__main__':
    sys.exit(cases.main())
