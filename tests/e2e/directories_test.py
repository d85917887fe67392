"""One node on several data directories, as on several disks."""
import contextlib
import subprocess
import sys

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from server import Server, data_directory

cases = Cases()

_TOPIC = 'spread'
_PARTITIONS = 8


class Node:
    """A server on some of the directories below one place, in any order."""

    def __init__(self, programs, place, names, **options):
        self.programs, self.place = programs, place
        self.server = Server(programs, place / names[0], options=self.more(names[1:]), **options)

    def more(self, names):
        return [f'--data-dir={self.place / name}' for name in names]

    def start(self, *names):
        self.server.directory, self.server.options = self.place / names[0], self.more(names[1:])
        return self.server.start()

    def refused(self, *names):
        """What it says when it does not start."""
        ran = subprocess.run([self.programs.penstock, 'serve', '--reactors=1', '--kafka-listen=127.0.0.1:0', '--http-listen', '',
                              *self.more(names)], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 1, f'exit status {ran.returncode}:\n{ran.stderr}'
        return ran.stderr


@contextlib.contextmanager
def node_on(programs, *names, **options):
    with data_directory() as place:
        node = Node(programs, place, names, **options)
        try:
            node.server.start()
            yield node
        finally:
            node.server.close()


def append(connection, number):
    batches = {index: encode_batch([b'%d of %d' % (number, index)]) for index in range(_PARTITIONS)}
    answer = connection.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, batches))
    assert {part['error'] for part in answer['topics'][0]['partitions']} == {0}, answer


def assert_there(server, count):
    with server.connect() as connection:
        answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, dict.fromkeys(range(_PARTITIONS), 0)))
    for part in answer['topics'][0]['partitions']:
        values = [record.value for record in decode_batches(part['records'])]
        assert values == [b'%d of %d' % (number, part['index']) for number in range(count)], part['index']


def segment_count(directory):
    return len(list((directory / 'segments').iterdir()))


@cases.case('uring')
@cases.case('threads')
def spread_and_kept(programs, io):
    """Partitions on two directories survive kill -9; one that is missing refuses the start, on"""
    with node_on(programs, 'one', 'two', io=io) as node:
        server = node.server
        with server.connect() as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=_PARTITIONS))
            for number in range(5):
                append(connection, number)
        counts = [segment_count(node.place / name) for name in ('one', 'two')]
        note(f'{counts[0]} and {counts[1]} files')
        assert min(counts) >= _PARTITIONS // 2, counts
        server.kill()
        assert 'the data directory that was ' + str(node.place / 'two') in node.refused('one')
        assert 'the data directory that was ' + str(node.place / 'one') in node.refused('two')
        assert 'is missing' in node.refused('one', 'unmounted')
        assert 'is given twice' in node.refused('one', 'two', './one')
        for name in ('one', 'two'):
            ran = subprocess.run([programs.penstock, 'log', 'verify', node.place / name], capture_output=True,
                                 text=True, timeout=60, check=False)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        node.start('two', 'one')
        assert_there(server, 5)
        with server.connect() as connection:
            append(connection, 5)
        server.terminate()
        node.start('one', 'two')
        assert_there(server, 6)


@cases.case()
def one_more(programs):
    """An empty directory joins, in a file's log.dirs, and takes the next topic's partitions"""
    with node_on(programs, 'one') as node:
        server = node.server
        with server.connect() as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=_PARTITIONS))
            append(connection, 0)
        server.terminate()
        node.start('one', 'more')
        assert_there(server, 1)
        with server.connect() as connection:
            connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('next', partitions=4))
            batches = {index: encode_batch([b'x']) for index in range(4)}
            answer = connection.call(kafka.PRODUCE, 7, kafka.produce('next', batches))
            assert {part['error'] for part in answer['topics'][0]['partitions']} == {0}, answer
        assert segment_count(node.place / 'more') == 4
        server.terminate()
        assert 'is missing' in node.refused('one')
        config = node.place / 'penstock.toml'
        config.write_text(f'"log.dirs" = "{node.place}/more,{node.place}/one"\n')
        command = server.command
        server.command = lambda: [part for part in command() if '--data-dir' not in str(part)] + [f'--config={config}']
        server.start()
        assert_there(server, 1)


if __name__ == '__main__':
    sys.exit(cases.main())
