"""Topics, configs, records and groups are administered with each client that can, and the server says the same."""
import concurrent.futures
import contextlib
import sys
import time

import setting  # first: it finds what follows
import administration
import kafka_admin_messages as messages
import kafka_group_messages as groups
import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import encode_batch
from server import running_server

_RECORDS = 10  # in each partition of a topic that is there before

# Kafka's codes, as clients tell them.
_OUT_OF_RANGE, _UNKNOWN_TOPIC, _EXISTS, _INVALID_PARTITIONS, _INVALID_CONFIG = 1, 3, 36, 37, 40
_GROUP_NOT_FOUND = 69
_COORDINATOR_COMES = {14, 15, 16}


def steps(name):
    """What is asked, and what is told: nothing where it is done, an error's number where it is refused. Third, in places:
    another verb that must have been done before."""
    topic, there, kept, gone = f'{name}-topic', f'{name}-there', f'{name}-kept', f'{name}-gone'
    return [
        (('create-topic', topic, '2', 'retention.ms', '3600000'), ''),
        (('create-topic', topic, '2', 'retention.ms', '3600000'), _EXISTS),
        (('create-topic', f'{topic}-2', '1', 'no.such.config', '1'), _INVALID_CONFIG),
        (('describe-config', topic, 'retention.ms'), '3600000'),
        (('create-partitions', topic, '3'), ''),
        (('create-partitions', topic, '1'), _INVALID_PARTITIONS),
        (('alter-configs', there, 'retention.ms', '7200000'), ''),
        (('alter-configs', there, 'max.message.bytes', '3000'), ''),
        (('describe-config', there, 'max.message.bytes'), '3000'),
        (('describe-config', there, 'retention.ms'), '604800000'),  # as what is not named has its default again
        (('alter-configs', there, 'no.such.config', '1'), _INVALID_CONFIG),
        (('incremental-alter-configs', there, 'retention.bytes', '5000000'), ''),
        (('incremental-alter-configs', there, 'no.such.config', '1'), _INVALID_CONFIG),
        (('delete-records', there, '1', '4'), ''),
        (('delete-records', there, '1', str(_RECORDS + 1)), _OUT_OF_RANGE),
        (('end-offset', there, '1'), str(_RECORDS)),
        (('list-groups',), {kept, gone}),
        (('describe-group', kept), 'Empty'),
        (('group-offsets', kept, there), '0:3,1:5'),
        (('alter-group-offset', kept, there, '1', '7'), ''),
        (('group-offsets', kept, there), '0:3,1:7', 'alter-group-offset'),
        (('delete-group', gone), ''),
        (('delete-group', gone), _GROUP_NOT_FOUND),
        (('create-topic', f'{topic}-3', '1', 'retention.ms', '-1'), ''),
        (('delete-topic', f'{topic}-3'), ''),
        (('delete-topic', f'{topic}-3'), _UNKNOWN_TOPIC),
    ]


def asked_of(client):
    """The steps that the client can do, and whose outcome it tells."""
    return [(line, wanted) for line, wanted, *needed in steps(client.name)
            if {line[0], *needed} <= set(client.administers)
            and not (isinstance(wanted, int) and line[0] in client.keeps_to_itself)]


def is_told(result, wanted):
    if isinstance(wanted, int):
        return result in (f'refused {wanted}', 'refused ?')  # some errors are a text without a number
    if isinstance(wanted, set):
        return wanted <= set(result.split(','))
    return result == wanted


class Bench:
    """A server, and all clients at work beside each other, each on topics and groups of its own."""

    def __init__(self, server, clients):
        self.server = server
        self.clients = {client.name: client for client in clients if client.administers}
        self.connection = server.connect()
        for name in self.clients:
            self.prepare(name)
        with concurrent.futures.ThreadPoolExecutor(len(self.clients)) as pool:
            self.runs = {name: pool.submit(self.run, client) for name, client in self.clients.items()}

    def run(self, client):
        return client.run(('\t'.join(line) for line, _ in asked_of(client)), 'admin', self.server.address())

    def prepare(self, name):
        """The topic with records, and the two groups, that are there before."""
        topic = f'{name}-there'
        administration.make(self.connection, topic, partitions=2)
        batches = {part: encode_batch([b'x'] * _RECORDS) for part in (0, 1)}
        answer = self.connection.call(kafka.PRODUCE, 7, kafka.produce(topic, batches))
        assert all(part['error'] == 0 for part in answer['topics'][0]['partitions']), answer
        for group in (f'{name}-kept', f'{name}-gone'):
            self.commit(group, groups.offset_commit(group, topic, {0: 3, 1: 5}))

    def commit(self, group, body):
        deadline = time.monotonic() + 20
        self.connection.call(kafka.FIND_COORDINATOR, 1, {'key': group, 'key_type': 0})
        while True:
            answer = self.connection.call(groups.OFFSET_COMMIT, 5, body)
            errors = {part['error'] for part in answer['topics'][0]['partitions']}
            if errors == {0}:
                return
            assert errors <= _COORDINATOR_COMES and time.monotonic() < deadline, answer
            time.sleep(0.02)

    def partition_count(self, topic):
        (found,) = self.connection.call(kafka.METADATA, 4, kafka.metadata([topic]))['topics']
        return len(found['partitions'])

    def configs(self, topic):
        body = {'resources': [{'type': administration.TOPIC, 'name': topic, 'keys': None}], 'synonyms': False,
                'documentation': False}
        (found,) = self.connection.call(messages.DESCRIBE_CONFIGS, 3, body)['results']
        return {config['name']: config['value'] for config in found['configs']}

    def log_start(self, topic, partition):
        result = kafka.only_partition(self.connection.call(kafka.FETCH, 11, kafka.fetch(topic, {partition: _RECORDS})))
        return result['log_start_offset']

    def group_names(self):
        return {one['group'] for one in self.connection.call(groups.LIST_GROUPS, 4, {'states': []})['groups']}


@contextlib.contextmanager
def bench(programs):
    options = ['--group.initial.rebalance.delay.ms=0', '--offsets.topic.num.partitions=2']
    with running_server(programs, options=options) as server:
        yield Bench(server, setting.clients(programs))


cases = Cases(bench)


def administer(bench, name):
    """What it asks is told and what it changes has changed, with"""
    client = bench.clients[name]
    asked, output = asked_of(client), bench.runs[name].result()
    told = [line.split('\t') for line in output.splitlines()]
    assert len(told) == len(asked), output
    for (line, wanted), (verb, result) in zip(asked, told):
        assert verb == line[0] and is_told(result, wanted), f'{line}: {result}, and not {wanted}'
    note(f'{len(asked)} steps')
    if 'create-partitions' in client.administers:
        assert bench.partition_count(f'{name}-topic') == 3
    if 'alter-configs' in client.administers:
        assert bench.configs(f'{name}-there')['max.message.bytes'] == '3000'
    if 'incremental-alter-configs' in client.administers:
        assert bench.configs(f'{name}-there')['retention.bytes'] == '5000000'
    if 'delete-records' in client.administers:
        assert bench.log_start(f'{name}-there', 1) == 4
    if 'delete-group' in client.administers:
        assert bench.group_names() & {f'{name}-kept', f'{name}-gone'} == {f'{name}-kept'}


for client_name in setting.ADMINISTRATOR_NAMES:
    cases.add(f'{administer.__doc__} {client_name}', administer, client_name)


if __name__ == '__main__':
    sys.exit(cases.main(setting.why_not()))
