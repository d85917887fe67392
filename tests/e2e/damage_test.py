"""A data directory with one flipped bit, or cut short, in many places: recovered, or refused with the place named and
left as it was; never less than was acknowledged without a word."""
import hashlib
import os
import pathlib
import random
import shutil
import tempfile

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import Connection, WireError, decode_batches, encode_batch
from server import Server, data_directory

cases = Cases()
SEED = int(os.environ.get('PENSTOCK_SEED', '0')) or random.randrange(1 << 30)
PLACES = 400 if os.environ.get('PENSTOCK_TEST_FULL') == '1' else 40  # of each kind, for each directory
SEGMENT_BYTES = 300_000
STORAGE_ERROR = 56


class Original:
    """A directory as a server left it, and what it had acknowledged by then: topic -> offset -> value."""

    def __init__(self, programs, directory, clean):
        self.directory, self.clean = directory, clean
        self.topics = {}
        chance = random.Random(7)
        server = Server(programs, directory, reactors=1, options=['--memory=16MiB'])
        try:
            server.start()
            with server.connect() as connection:
                connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(
                    'long', configs={'segment.bytes': str(SEGMENT_BYTES)}))
                connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('short', 'empty'))
                for topic, rounds, size in (('long', 60, 15_000), ('short', 5, 300)):
                    self.topics[topic] = {}
                    for number in range(rounds):
                        values = [b'%s-%d-%d-' % (topic.encode(), number, i) + chance.randbytes(size // 3)
                                  for i in range(3)]
                        answer = kafka.only_partition(
                            connection.call(kafka.PRODUCE, 7, kafka.produce(topic, {0: encode_batch(values)})))
                        assert answer['error'] == 0, answer
                        for i, value in enumerate(values):
                            self.topics[topic][answer['base_offset'] + i] = value
            if clean:
                server.terminate()
            else:
                server.kill()
        finally:
            server.close()

    def files(self):
        return sorted(path.relative_to(self.directory) for path in self.directory.rglob('*')
                      if path.is_file() and path.name != 'lock')


def hashes(directory):
    return {path.relative_to(directory): hashlib.sha1(path.read_bytes()).digest()
            for path in directory.rglob('*') if path.is_file() and path.name != 'lock'}


def used_bytes(path):
    """Where the file's last byte that is not zero stands."""
    return len(path.read_bytes().rstrip(b'\0'))


def read_all(connection, topic):
    """The records from the beginning on, and the error that ended them, if one did."""
    found, offset = {}, 0
    while True:
        result = kafka.only_partition(connection.call(kafka.FETCH, 10, kafka.fetch(topic, {0: offset})))
        if result['error'] != 0:
            return found, result['error']
        records = decode_batches(result['records'] or b'')
        if not records:
            return found, 0
        for record in records:
            found[record.offset] = record.value
        offset = records[-1].offset + 1


def judge(programs, original, directory, damaged, what):
    """Starts a server on the damaged directory. The value says how it went."""
    before = hashes(directory)
    server = Server(programs, directory, reactors=1, options=['--memory=16MiB'])
    try:
        try:
            server.start()
        except AssertionError:
            assert not server.running() and server.process.returncode == 1, f'{what}: {server.obituary()}'
            said = server.said()
            assert str(directory) in said, f'{what}: refused without naming the place: {said}'
            assert hashes(directory) == before, f'{what}: refused, and changed'
            return 'the directory is refused'
        verdict = 'nothing is lost'
        for topic, acknowledged in original.topics.items():
            with Connection(server.port) as connection:
                try:
                    found, error = read_all(connection, topic)
                except WireError as lie:
                    raise AssertionError(f'{what}: {topic}: {lie}') from None
            for offset, value in found.items():
                assert acknowledged.get(offset) == value, f'{what}: {topic}: offset {offset} is not what was sent'
            if error:
                assert error == STORAGE_ERROR, f'{what}: {topic}: error {error}'
                verdict = 'a partition answers an error'
                said = server.said()
                if found == {} and 'refused' in said:
                    assert damaged.name in said, f'{what}: {topic} is refused without naming the place: {said}'
                    assert hashes(directory)[damaged] == before[damaged], f'{what}: refused, and changed'
                    verdict = 'a partition is refused'
            elif found != acknowledged:
                # Only above the last proof of a flush can damage pass for a torn tail: never after a clean stop.
                assert not original.clean and damaged.suffix == '.segment', (
                    f'{what}: {topic}: {len(found)} of {len(acknowledged)} records, and no error')
                assert list(found) == list(acknowledged)[:len(found)], f'{what}: {topic}: a hole'
                verdict = 'a tail without proof is cut'
        return verdict
    finally:
        server.close()


def flip(path, chance):
    used = max(used_bytes(path), 1)
    position = chance.choice([chance.randrange(min(used, 96)), chance.randrange(used),
                              max(0, used - 1 - chance.randrange(200)), min(used - 1, 4096 + chance.randrange(72))])
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f'bit of byte {position} flipped'


def cut_short(path, chance):
    used = max(used_bytes(path), 1)
    length = chance.choice([0, 1, 4095, 4096, used // 2, max(0, used - 1), chance.randrange(used)])
    os.truncate(path, min(length, path.stat().st_size))
    return f'cut to {length} bytes'


SPOILS = {'with one bit flipped': flip, 'cut short': cut_short}


@cases.case('with one bit flipped', 'after a clean stop')
@cases.case('with one bit flipped', 'after kill -9')
@cases.case('cut short', 'after a clean stop')
@cases.case('cut short', 'after kill -9')
def damage(programs, how, when):
    """A file of every kind is recovered from, or refused by name:"""
    spoil, clean = SPOILS[how], when == 'after a clean stop'
    verdicts = {}
    chance = random.Random(SEED)
    with data_directory() as base:
        original = Original(programs, base / 'original', clean)
        files = original.files()
        for number in range(PLACES):
            damaged = files[number % len(files)]
            directory = pathlib.Path(tempfile.mkdtemp(dir=base)) / 'data'
            shutil.copytree(original.directory, directory)
            what = f'seed {SEED}, {damaged}: {spoil(directory / damaged, chance)}'
            verdict = judge(programs, original, directory, damaged, what)
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
            shutil.rmtree(directory.parent)
    note(f'{PLACES} places in {len(files)} files: ' +
         ', '.join(f'{name} {count}' for name, count in sorted(verdicts.items())))


if __name__ == '__main__':
    cases.main()
