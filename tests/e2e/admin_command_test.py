"""`penstock topic` and `penstock group` against a server: what they print is what is there, what they change has changed."""
import json
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from cases import Cases
from server import free_port, running_server

cases = Cases()

_BEGAN_MS = int(time.time() * 1000)  # topics take no records from a time to come
_OPTIONS = ('--group.initial.rebalance.delay.ms=0', '--offsets.topic.num.partitions=2')


class Admin:
    def __init__(self, programs, server):
        self.program, self.server = programs.penstock, server

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments, f'--bootstrap={self.server.address()}'], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)

    def rows(self, *arguments):
        ran = self.run(*arguments, '--json')
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def refused(self, *arguments, status=1):
        """What it says, in one line."""
        ran = self.run(*arguments)
        assert ran.returncode == status and ran.stderr.count('\n') == 1, (ran.returncode, ran.stderr)
        return ran.stderr

    def commit(self, group, offsets):
        consumer = Consumer({'bootstrap.servers': self.server.address(), 'group.id': group})
        consumer.commit(offsets=[TopicPartition('topic', *place) for place in offsets.items()], asynchronous=False)
        consumer.close()

    def committed(self, group):
        return {row['partition']: row['committed'] for row in self.rows('group', 'describe', group)}


@cases.case()
def topics(programs):
    """Topics are created, listed, described and deleted, and what cannot be done is told"""
    with running_server(programs) as server:
        admin = Admin(programs, server)
        assert admin.rows('topic', 'list') == []
        assert 'could be' in admin.run('topic', 'create', 'topic', '--validate-only').stdout
        assert admin.rows('topic', 'list') == []
        admin.rows('topic', 'create', 'topic', 'other', '--partitions=3', '--config=retention.ms=-1')
        assert admin.rows('topic', 'list') == [{'topic': 'other', 'partitions': 3}, {'topic': 'topic', 'partitions': 3}]
        producer = Producer({'bootstrap.servers': server.address()})
        for number in range(7):
            producer.produce('topic', b'%d' % number, partition=1)
        assert producer.flush(20) == 0
        found = admin.rows('topic', 'describe', 'topic')
        assert [(row['partition'], row['start'], row['end']) for row in found] == [(0, 0, 0), (1, 0, 7), (2, 0, 0)]
        table = admin.run('topic', 'describe').stdout.splitlines()
        assert table[0].split() == ['topic', 'partition', 'leader', 'replicas', 'in_sync', 'start', 'end'], table
        assert len(table) == 7 and table[5].split()[-1] == '7', table
        assert 'TOPIC_ALREADY_EXISTS' in admin.refused('topic', 'create', 'topic')
        assert 'no.such.config' in admin.refused('topic', 'create', 'new', '--config=no.such.config=1')
        assert '--config' in admin.refused('topic', 'create', 'new', '--config=nothing', status=2)
        assert 'UNKNOWN_TOPIC_OR_PARTITION' in admin.refused('topic', 'describe', 'missing')
        assert 'UNKNOWN_TOPIC_OR_PARTITION' in admin.refused('topic', 'delete', 'missing')
        assert admin.rows('topic', 'delete', 'topic') == [{'topic': 'topic', 'outcome': 'deleted'}]
        assert admin.rows('topic', 'list') == [{'topic': 'other', 'partitions': 3}]


@cases.case()
def groups(programs):
    """A group's members and lag are shown; one without members is moved, loses offsets, and is deleted"""
    with running_server(programs, options=_OPTIONS) as server:
        admin = Admin(programs, server)
        admin.rows('topic', 'create', 'topic', '--partitions=2')
        producer = Producer({'bootstrap.servers': server.address()})
        for number in range(10):
            producer.produce('topic', b'%d' % number, partition=number % 2, timestamp=_BEGAN_MS + number)
        assert producer.flush(20) == 0
        member = Consumer({'bootstrap.servers': server.address(), 'group.id': 'live', 'client.id': 'reader',
                           'auto.offset.reset': 'earliest', 'enable.auto.commit': False})
        member.subscribe(['topic'])
        assert len(member.consume(10, timeout=30)) == 10
        member.commit(offsets=[TopicPartition('topic', 0, 2)], asynchronous=False)
        found = admin.rows('group', 'describe', 'live')
        assert [(row['partition'], row['committed'], row['end'], row['lag'], row['client']) for row in found] == [
            (0, 2, 5, 3, 'reader'), (1, None, 5, None, 'reader')], found
        assert [(row['group'], row['state']) for row in admin.rows('group', 'list')] == [('live', 'Stable')]
        assert 'UNKNOWN_MEMBER_ID' in admin.refused('group', 'reset-offsets', 'live', '--topic=topic', '--to=0')
        assert 'NON_EMPTY_GROUP' in admin.refused('group', 'delete', 'live')
        assert 'GROUP_SUBSCRIBED_TO_TOPIC' in admin.refused('group', 'delete-offsets', 'live', '--topic=topic')
        member.close()

        admin.commit('idle', {0: 1, 1: 1})
        for to, offsets in (('latest', {0: 5, 1: 5}), ('earliest', {0: 0, 1: 0}), ('3', {0: 3, 1: 3}),
                            ('99', {0: 5, 1: 5}), (f'@{_BEGAN_MS + 4}', {0: 2, 1: 2}), ('@2000000000000', {0: 5, 1: 5})):
            admin.rows('group', 'reset-offsets', 'idle', '--topic=topic', f'--to={to}')
            assert admin.committed('idle') == offsets, to
        admin.rows('group', 'reset-offsets', 'idle', '--topic=topic', '--to=0', '--dry-run')
        assert admin.committed('idle') == {0: 5, 1: 5}
        admin.rows('group', 'reset-offsets', 'idle', '--topic=topic:1', '--to=0')
        assert admin.committed('idle') == {0: 5, 1: 0}
        admin.rows('group', 'delete-offsets', 'idle', '--topic=topic:1')
        assert admin.committed('idle') == {0: 5}
        assert '--to' in admin.refused('group', 'reset-offsets', 'idle', '--topic=topic', '--to=soon', status=2)
        assert 'partition 7' in admin.refused('group', 'reset-offsets', 'idle', '--topic=topic:7', '--to=0')
        assert admin.rows('group', 'delete', 'idle', 'live') == [
            {'group': 'idle', 'outcome': 'deleted'}, {'group': 'live', 'outcome': 'deleted'}]
        assert admin.rows('group', 'list') == []
        assert 'GROUP_ID_NOT_FOUND' in admin.refused('group', 'describe', 'idle')


@cases.case()
def nobody_there(programs):
    """Without a broker, and with an address that is none, it says so"""
    port, lock = free_port()
    with lock:
        for command in (['topic', 'list'], ['group', 'list']):
            ran = subprocess.run([programs.penstock, *command, f'--bootstrap=127.0.0.1:{port}'], text=True,
                                 capture_output=True, timeout=60, check=False)
            assert ran.returncode == 1 and f'127.0.0.1:{port}' in ran.stderr, ran
            ran = subprocess.run([programs.penstock, *command, '--bootstrap=nowhere'], text=True,
                                 capture_output=True, timeout=60, check=False)
            assert ran.returncode == 2 and '--bootstrap=nowhere' in ran.stderr, ran


if __name__ == '__main__':
    sys.exit(cases.main())
