"""Members of a large group: they do what consumers do in a group, all driven by one loop, so that many cost little."""
import selectors
import struct
import time
import uuid

import kafka_group_messages as groups
from kafka_wire import decode_response

_REBALANCING, _MEMBER_ID_REQUIRED = 27, 79


class _Member:
    """Beats so often, on a connection of its own. Times are those of time.monotonic()."""

    def __init__(self, server, group, topic, heartbeat_s):
        self.connection, self.group, self.topic, self.heartbeat_s = server.connect(), group, topic, heartbeat_s
        self.generation, self.partitions = -1, None  # what it may read; None: it does not know
        self.assigned_at = self.asked_at = None  # when it was told its partitions last, and sent the heartbeat that led to it
        self.received, self.beats_at = b'', None

    def send(self, api, version, body):
        self.beats_at = None
        self.connection.send(api, version, body)

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

    def rest(self):
        self.beats_at = time.monotonic() + self.heartbeat_s


class ClassicMember(_Member):
    """Joins, syncs, and beats until it is told to join again; as the leader it deals out the partitions in turn."""

    def __init__(self, server, group, topic, partition_count, heartbeat_s):
        super().__init__(server, group, topic, heartbeat_s)
        self.id, self.partition_count, self.beaten_at = '', partition_count, time.monotonic()
        self.join()

    def join(self):
        self.partitions = None
        name = self.topic.encode()
        subscription = struct.pack('>hih', 0, 1, len(name)) + name + struct.pack('>i', -1)
        self.send(groups.JOIN_GROUP, 5, groups.join_group(self.group, self.id, session_timeout_ms=30_000,
                                                          protocols=(('range', subscription),)))

    def beat(self):
        self.beaten_at = time.monotonic()
        self.send(groups.HEARTBEAT, 3, groups.heartbeat(self.group, self.generation, self.id))

    def leave(self):
        """At once, and for good."""
        self.connection.expected.clear()
        self.connection.socket.sendall(self.connection.frame(groups.LEAVE_GROUP, 3, groups.leave_group(self.group, self.id)))

    def answered(self, api, answer):
        if api is groups.JOIN_GROUP:
            self.joined(answer)
        elif api is groups.SYNC_GROUP and answer['error'] == 0:
            self.partitions, self.assigned_at, self.asked_at = self.read(answer['assignment']), time.monotonic(), self.beaten_at
            self.rest()
        elif answer['error'] == 0:
            self.rest()
        else:
            assert answer['error'] == _REBALANCING, answer
            self.join()

    def joined(self, answer):
        if answer['error'] == _MEMBER_ID_REQUIRED:
            self.id = answer['member_id']
            return self.join()
        assert answer['error'] == 0, answer
        self.generation = answer['generation']
        ids = sorted(member['member_id'] for member in answer['members'])
        given = {member_id: self.assignment(range(number, self.partition_count, len(ids)))
                 for number, member_id in enumerate(ids)}
        return self.send(groups.SYNC_GROUP, 3, groups.sync_group(self.group, self.generation, self.id, given))

    def assignment(self, partitions):
        name = self.topic.encode()
        return (struct.pack('>hih', 0, 1, len(name)) + name + struct.pack('>i', len(partitions)) +
                b''.join(struct.pack('>i', index) for index in partitions) + struct.pack('>i', -1))

    def read(self, assignment):
        begin = 8 + len(self.topic.encode())
        (count,) = struct.unpack_from('>i', assignment, begin)
        return frozenset(struct.unpack_from(f'>{count}i', assignment, begin + 4))


class ConsumerMember(_Member):
    """One of the consumer protocol: takes what it is told to, gives back what it is to have no longer, and says so at once."""

    def __init__(self, server, group, topic, _, heartbeat_s):
        super().__init__(server, group, topic, heartbeat_s)
        self.id, self.topic_id, self.beaten_at = str(uuid.uuid4()), None, time.monotonic()
        self.ask(epoch=0, topics=[topic], owned={}, rebalance_timeout_ms=10_000)

    def ask(self, **arguments):
        self.send(groups.CONSUMER_HEARTBEAT, 1, groups.consumer_heartbeat(self.group, self.id, **arguments))

    def beat(self):
        self.beaten_at = time.monotonic()
        self.ask(epoch=self.generation)

    def leave(self):
        """At once, and for good."""
        self.connection.expected.clear()
        body = groups.consumer_heartbeat(self.group, self.id, -1)
        self.connection.socket.sendall(self.connection.frame(groups.CONSUMER_HEARTBEAT, 1, body))

    def answered(self, _, answer):
        assert answer['error'] == 0, answer
        self.heartbeat_s = answer['interval_ms'] / 1000
        if answer['epoch'] != self.generation:
            self.generation, self.assigned_at, self.asked_at = answer['epoch'], time.monotonic(), self.beaten_at
        if answer['assignment'] is None:
            return self.rest()
        self.partitions, self.assigned_at = frozenset(), time.monotonic()
        for topic in answer['assignment']['topics']:
            self.topic_id, self.partitions = topic['topic_id'], frozenset(topic['partitions'])
        owned = {self.topic_id: sorted(self.partitions)} if self.partitions else {}
        return self.ask(epoch=self.generation, owned=owned)


def heartbeat_options(heartbeat_s):
    """Of a server: it tells members of the consumer protocol how often they are to beat, the others choose."""
    milliseconds = round(heartbeat_s * 1000)
    return [f'--group.consumer.heartbeat.interval.ms={milliseconds}',
            f'--group.consumer.min.heartbeat.interval.ms={milliseconds}']


def settled(members, partition_count, generation_after=-1):
    """All have partitions of one generation, behind that one, and each partition is one member's."""
    if any(member.partitions is None or member.generation <= generation_after for member in members):
        return False
    if len({member.generation for member in members}) != 1:
        return False
    given = [index for member in members for index in member.partitions]
    return len(given) == partition_count and set(given) == set(range(partition_count))


def drive(members, until, patience_s=60):
    """Lets them live until `until` holds."""
    with selectors.DefaultSelector() as selector:
        for member in members:
            selector.register(member.connection.socket, selectors.EVENT_READ, member)
        deadline = time.monotonic() + patience_s
        while not until():
            assert time.monotonic() < deadline, f'not within {patience_s} s'
            due = [member.beats_at for member in members if member.beats_at is not None]
            for key, _ in selector.select(max(0, min([*due, time.monotonic() + 0.01]) - time.monotonic())):
                key.data.readable()
            now = time.monotonic()
            for member in members:
                if member.beats_at is not None and member.beats_at <= now:
                    member.beat()
