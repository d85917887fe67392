"""`penstock topic`, `penstock config` and `penstock group` against a server: what they print is what is there, what they change has changed."""
import json
import socket
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from cases import Cases
from server import free_port, running_server

cases = Cases()

_BEGAN_MS = int(time.time() * 1000)  # topics take no records from a time to come
_LIST = 'leader.replication.throttled.replicas'
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
        assert admin.rows('topic', 'alter', 'other', '--partitions=5', '--validate-only') == [
            {'topic': 'other', 'outcome': 'could be altered'}]
        assert admin.rows('topic', 'alter', 'other', '--partitions=4') == [{'topic': 'other', 'outcome': 'altered'}]
        assert [row['partition'] for row in admin.rows('topic', 'describe', 'other')] == [0, 1, 2, 3]
        for count in (4, 3, 0, -1, 1 << 30):
            assert 'topic other: INVALID_PARTITIONS' in admin.refused('topic', 'alter', 'other', f'--partitions={count}')
        assert 'UNKNOWN_TOPIC_OR_PARTITION' in admin.refused('topic', 'alter', 'missing', '--partitions=4')
        assert '--partitions' in admin.refused('topic', 'alter', 'other', status=2)
        assert admin.rows('topic', 'delete', 'topic') == [{'topic': 'topic', 'outcome': 'deleted'}]
        assert admin.rows('topic', 'list') == [{'topic': 'other', 'partitions': 4}]


@cases.case()
def topic_configs(programs):
    """Configs of topics are told with their sources, set, deleted, and their lists added to and taken from"""
    with running_server(programs, options=['--log.retention.hours=24']) as server:
        admin = Admin(programs, server)
        admin.rows('topic', 'create', 'topic', '--config=retention.ms=3600000')
        admin.rows('topic', 'create', 'other')

        def told(*arguments):
            return {(row['of'], row['config']): (row['value'], row['source'])
                    for row in admin.rows('config', 'describe', *arguments)}

        both = ('--topic=topic', '--topic=other')
        assert told(*both) == {('topic topic', 'retention.ms'): ('3600000', 'DYNAMIC_TOPIC_CONFIG'),
                               ('topic other', 'retention.ms'): ('86400000', 'STATIC_BROKER_CONFIG')}
        assert told(*both, 'cleanup.policy') == {(f'topic {topic}', 'cleanup.policy'): ('delete', 'DEFAULT_CONFIG')
                                                 for topic in ('topic', 'other')}
        assert len(told('--topic=topic', '--defaults')) > 25
        (row,) = admin.rows('config', 'describe', '--topic=topic', '--synonyms', '--docs')
        assert [(one['source'], one['config'], one['value']) for one in row['synonyms']] == [
            ('DYNAMIC_TOPIC_CONFIG', 'retention.ms', '3600000'), ('STATIC_BROKER_CONFIG', 'log.retention.hours', '24'),
            ('DEFAULT_CONFIG', 'log.retention.hours', '168')], row
        assert 'dropped' in row['doc'] and (row['read_only'], row['sensitive']) == (False, False)
        table = admin.run('config', 'describe', '--topic=topic', '--synonyms').stdout.splitlines()
        assert table[0].split() == ['of', 'config', 'value', 'source', 'read_only', 'sensitive', 'synonyms'], table
        assert table[1].split()[:4] == ['topic', 'topic', 'retention.ms', '3600000'], table
        assert table[1].endswith('DEFAULT_CONFIG:log.retention.hours=168'), table

        alter = ('config', 'alter', '--topic=topic')
        changes = (f'--set={_LIST}=0:1', '--set=segment.bytes=1048576', '--delete=retention.ms')
        assert admin.rows(*alter, *changes, '--validate-only') == [{'of': 'topic topic', 'outcome': 'could be altered'}]
        assert told('--topic=topic', _LIST)['topic topic', _LIST] == ('', 'DEFAULT_CONFIG')
        assert admin.rows(*alter, *changes) == [{'of': 'topic topic', 'outcome': 'altered'}]
        now = {name: value for (_, name), value in told('--topic=topic').items()}
        assert now == {_LIST: ('0:1', 'DYNAMIC_TOPIC_CONFIG'),
                       'segment.bytes': ('1048576', 'DYNAMIC_TOPIC_CONFIG'),
                       'retention.ms': ('86400000', 'STATIC_BROKER_CONFIG')}, now
        for change, items in ((f'--append={_LIST}=1:1', '0:1,1:1'), (f'--subtract={_LIST}=0:1', '1:1')):
            admin.rows(*alter, change)
            assert told('--topic=topic', _LIST)['topic topic', _LIST][0] == items
        assert admin.rows('config', 'alter', *both, '--set=retention.ms=-1') == [
            {'of': f'topic {topic}', 'outcome': 'altered'} for topic in ('topic', 'other')]


@cases.case()
def broker_configs(programs):
    """Configs of a broker and of all of them are told and altered while it runs"""
    with running_server(programs, options=['--broker.id=7']) as server:
        admin = Admin(programs, server)

        def told(target, name):
            (row,) = admin.rows('config', 'describe', target, name)
            return row['of'], row['value'], row['source'], row['read_only']

        assert told('--broker=7', 'broker.id') == ('broker 7', '7', 'STATIC_BROKER_CONFIG', True)
        assert admin.rows('config', 'describe', '--all-brokers') == []
        assert 'nothing but defaults' in admin.run('config', 'describe', '--all-brokers').stdout
        admin.rows('config', 'alter', '--all-brokers', '--set=log.retention.ms=5000000')
        assert told('--broker=7', 'log.retention.ms') == (
            'broker 7', '5000000', 'DYNAMIC_DEFAULT_BROKER_CONFIG', False)
        admin.rows('config', 'alter', '--broker=7', '--set=log.retention.ms=6000000')
        assert told('--broker=7', 'log.retention.ms')[1:3] == ('6000000', 'DYNAMIC_BROKER_CONFIG')
        assert told('--all-brokers', 'log.retention.ms')[:2] == ('all brokers', '5000000')
        admin.rows('topic', 'create', 'topic')
        (row,) = admin.rows('config', 'describe', '--topic=topic', '--synonyms')
        assert [one['source'] for one in row['synonyms']][:2] == [
            'DYNAMIC_BROKER_CONFIG', 'DYNAMIC_DEFAULT_BROKER_CONFIG'], row
        admin.rows('config', 'alter', '--broker=7', '--all-brokers', '--delete=log.retention.ms')
        assert admin.rows('config', 'describe', '--topic=topic') == []


@cases.case()
def wrong_configs(programs):
    """What is misspelled, fixed, out of range or not there is refused in one line, and nothing has changed"""
    with running_server(programs) as server:
        admin = Admin(programs, server)
        admin.rows('topic', 'create', 'topic')
        for target, change, parts in (
                ('--topic=topic', '--set=no.such.config=1', ('topic topic: INVALID_CONFIG', 'no.such.config')),
                ('--topic=topic', '--set=retention.ms=soon', ('INVALID_CONFIG', 'retention.ms')),
                ('--topic=topic', '--set=retention.ms=', ('INVALID_CONFIG', 'retention.ms')),
                ('--topic=topic', '--append=retention.ms=1', ('topic topic: ', 'retention.ms')),
                ('--topic=missing', '--set=retention.ms=1', ('topic missing: UNKNOWN_TOPIC_OR_PARTITION',)),
                ('--broker=1', '--set=broker.id=7', ('broker 1: INVALID_REQUEST', 'dynamically', 'broker.id')),
                ('--all-brokers', '--set=listeners=x', ('all brokers: INVALID_REQUEST', 'dynamically')),
                ('--broker=1', '--set=log.retention.ms=-7', ('broker 1: INVALID_CONFIG', 'log.retention.ms')),
                ('--broker=9', '--set=log.retention.ms=1', ('there is no broker 9',))):
            said = admin.refused('config', 'alter', target, change)
            assert all(part in said for part in parts), said
        for arguments, part in ((('--topic=topic', 'no.such.config'), 'topic topic has no config no.such.config'),
                                (('--topic=missing',), 'topic missing: UNKNOWN_TOPIC_OR_PARTITION'),
                                (('--topic=../x',), 'INVALID_TOPIC_EXCEPTION'), (('--broker=9',), 'no broker 9')):
            assert part in admin.refused('config', 'describe', *arguments)
        for arguments, part in ((('describe',), '--topic'), (('describe', '--broker=one'), '--broker'),
                                (('alter', '--set=retention.ms=1'), '--topic'), (('alter', '--topic=topic'), '--set'),
                                (('alter', '--topic=topic', '--set=nothing'), '--set=nothing'),
                                (('alter', '--topic=topic', '--set==1'), '--set==1'),
                                (('alter', '--topic=topic', '--set=a=1', '--delete=a'), 'once')):
            assert part in admin.refused('config', *arguments, status=2)
        # What goes well beside what does not is done and told.
        ran = admin.run('config', 'alter', '--topic=missing', '--topic=topic', '--set=retention.ms=9', '--json')
        assert ran.returncode == 1 and 'topic missing' in ran.stderr, ran
        assert json.loads(ran.stdout) == [{'of': 'topic topic', 'outcome': 'altered'}]
        (row,) = admin.rows('config', 'describe', '--topic=topic')
        assert (row['config'], row['value']) == ('retention.ms', '9')


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
    """Without a broker, with a silent one, and with an address that is none, it says so"""
    commands = (['topic', 'list'], ['group', 'list'], ['config', 'describe', '--topic=topic'])
    with socket.create_server(('127.0.0.1', 0)) as silent:
        for command in commands:
            ran = subprocess.run([programs.penstock, *command, f'--bootstrap=127.0.0.1:{silent.getsockname()[1]}',
                                  '--timeout=100ms'], text=True, capture_output=True, timeout=60, check=False)
            assert ran.returncode == 1 and 'does not answer' in ran.stderr, ran
    port, lock = free_port()
    with lock:
        for command in commands:
            ran = subprocess.run([programs.penstock, *command, f'--bootstrap=127.0.0.1:{port}'], text=True,
                                 capture_output=True, timeout=60, check=False)
            assert ran.returncode == 1 and f'127.0.0.1:{port}' in ran.stderr, ran
            ran = subprocess.run([programs.penstock, *command, '--bootstrap=nowhere'], text=True,
                                 capture_output=True, timeout=60, check=False)
            assert ran.returncode == 2 and '--bootstrap=nowhere' in ran.stderr, ran


if __name__ == '__main__':
    sys.exit(cases.main())
