"""Three members of a group share a topic, one is killed, and nothing is lost: for every client that has groups."""
import collections
import concurrent.futures
import contextlib
import signal
import subprocess
import sys
import threading
import time

import setting  # first: it finds what follows
import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import encode_batch
from lines import bytes_of
from server import running_server

_PARTITIONS = 6
_QUIET_S = 1
# Each with a protocol; Debian's librdkafka is older than the consumer protocol.
_GROUPS = (*((name, 'classic') for name in (
    'confluent-kafka', 'kafka-python', 'kafkajs', 'node-rdkafka', 'platformatic', 'sarama')),
           ('node-rdkafka', 'consumer'), ('platformatic', 'consumer'))
# In the consumer protocol a session's time is the server's to say.
_QUICK = ('--group.initial.rebalance.delay.ms=0', '--group.consumer.heartbeat.interval.ms=300',
          '--group.consumer.min.heartbeat.interval.ms=300', '--group.consumer.session.timeout.ms=6000',
          '--group.consumer.min.session.timeout.ms=6000')


class Account:
    """What was produced to a topic, and what the members have told of it. Written to by their threads."""

    def __init__(self, server, topic):
        self.server, self.topic = server, topic
        self.lock = threading.Lock()
        self.produced = set()
        self.seen = set()  # partition and offset
        self.values = set()
        self.committed_by_dead = {}  # by partition: what the killed member has told, last
        self.violations = []
        self.duplicate_count = 0
        self.records_of = collections.Counter()  # by member
        self.told_at = time.monotonic()  # some member anything, last

    def produce(self, count):
        """`count` records to each partition."""
        begin = len(self.produced)
        values = [b'%d' % number for number in range(begin, begin + count * _PARTITIONS)]
        batches = {part: encode_batch(values[part::_PARTITIONS]) for part in range(_PARTITIONS)}
        with self.server.connect() as connection:
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce(self.topic, batches))
        assert all(part['error'] == 0 for part in answer['topics'][0]['partitions']), answer
        self.produced.update(values)

    def is_settled(self):
        """Whether all that was produced has come, and no member has told anything for a while."""
        return self.values >= self.produced and time.monotonic() - self.told_at > _QUIET_S

    def record(self, member, partition, offset, value):
        with self.lock:
            self.records_of[member] += 1
            if (partition, offset) in self.seen:
                self.duplicate_count += 1
                if offset < self.committed_by_dead.get(partition, 0):
                    self.violations.append((partition, offset, self.committed_by_dead[partition]))
            self.seen.add((partition, offset))
            self.values.add(value)


class Member:
    def __init__(self, client, protocol, account):
        self.account = account
        self.committed = {}  # by partition
        self.process = client.start('member', account.server.address(), f'group-{account.topic}', account.topic, protocol,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.account.told_at = time.monotonic()
            word, *fields = line.rstrip('\n').split('\t')
            if word == 'record':
                self.account.record(self, int(fields[0]), int(fields[1]), bytes_of(fields[2]))
            elif word == 'committed':
                self.committed[int(fields[0])] = int(fields[1])

    def end(self, number):
        self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.thread.join()


def wait_until(condition, what, patience_s=90):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def protocol_of(server, group):
    """What the server says of the group's kind."""
    with server.connect() as connection:
        listed = connection.call(groups.LIST_GROUPS, 5, {'states': [], 'types': []})['groups']
    return {one['group']: one['type'] for one in listed}[group]


def trial(server, client, protocol):
    """Returns the account of a group of `client`'s, one of whose three members was killed."""
    topic = f'{client.name}-{protocol}'
    with server.connect() as connection:
        connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(topic, partitions=_PARTITIONS))
    account = Account(server, topic)
    members = []
    try:
        members = [Member(client, protocol, account) for _ in range(3)]

        def all_at_work():
            account.produce(1)
            return all(account.records_of[member] for member in members)

        wait_until(all_at_work, lambda: f'only {len(account.records_of)} of 3 members get records')
        assert protocol_of(server, f'group-{topic}').lower() == protocol
        # Some clients give their program records from before a rebalance, and commit them after it, of partitions that
        # are another's by then (node-rdkafka was seen to): that is over first, or the other's records look like lost commits.
        wait_until(account.is_settled, lambda: f'{len(account.produced - account.values)} records are missing')
        account.produce(1)  # what it has not committed yet when it is killed
        members[0].end(signal.SIGKILL)
        account.committed_by_dead = members[0].committed
        account.produce(5)
        wait_until(lambda: account.values >= account.produced,
                   lambda: f'{len(account.produced - account.values)} records are lost')
    finally:
        for member in members:
            member.end(signal.SIGTERM)
    return account


@contextlib.contextmanager
def trials(programs):
    """All of them at once: most of their time is a session's, which has to run out."""
    clients = {client.name: client for client in setting.clients(programs)}
    with running_server(programs, options=_QUICK) as server:
        with concurrent.futures.ThreadPoolExecutor(len(_GROUPS)) as pool:
            yield {group: pool.submit(trial, server, clients[group[0]], group[1]) for group in _GROUPS}


cases = Cases(trials)


def nothing_is_lost(started, *group):
    """Of three members one is killed: what it had goes to the others, and nothing it committed comes again, with"""
    account = started[group].result()
    note(f'{len(account.produced)} records, {account.duplicate_count} of them twice')
    assert not account.violations, account.violations


for name, protocol_name in _GROUPS:
    cases.add(f'{nothing_is_lost.__doc__} {name}, {protocol_name}', nothing_is_lost, name, protocol_name)


if __name__ == '__main__':
    sys.exit(cases.main(setting.why_not()))
