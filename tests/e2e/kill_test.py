"""Kills a loaded server again and again. Who keeps the account lives outside of it, so nothing dies with it.

After every kill: what was acknowledged is at the offset that was told; offsets are dense; a batch is there whole or not at
all, and once per time it was sent; of what one connection sent to one partition a beginning is there, in its order; what a
reader saw is still there; topics whose creation or deletion was answered exist or not. At the end all of it is read again.
"""
import os
import random
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches
from kill_load import Load
from server import Server, data_directory

cases = Cases()

_TOPICS = {'steady': {}, 'rolling': {'segment.bytes': '1048576'}}
_PARTITIONS = [(topic, index) for topic in _TOPICS for index in range(3)]


def round_count(programs):
    if 'PENSTOCK_ROUNDS' in os.environ:
        return int(os.environ['PENSTOCK_ROUNDS'])
    if os.environ.get('PENSTOCK_TEST_FULL') == '1':
        return 2000
    return 10 if programs.sanitized else 50


def read_all(connection, partition, offset):
    """The records from `offset` to the high watermark, and that."""
    topic, index = partition
    records = []
    while True:
        result = kafka.only_partition(connection.call(kafka.FETCH, 11, kafka.fetch(topic, {index: offset})))
        assert result['error'] == 0, f'a fetch of {partition} at {offset} got error {result["error"]}'
        found = [record for record in decode_batches(result['records'] or b'') if record.offset >= offset]
        if not found:
            assert offset == result['high_watermark'], f'{partition} ends at {offset}, not {result["high_watermark"]}'
            return records, offset
        records += found
        offset = found[-1].offset + 1


class Account:
    """What must be in the logs, over all rounds."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.next_number = 0
        self.ends = {partition: 0 for partition in _PARTITIONS}
        self.contents = {partition: [] for partition in _PARTITIONS}  # the batches, in the order of the log
        self.retries = {partition: [] for partition in _PARTITIONS}
        self.passing_topics = {}
        self.acknowledged_count = 0
        self.in_flight_rounds = 0
        self.unanswered_kept = 0
        self.bytes_read = 0

    def take_round(self, connection, load):
        """Compares what was sent in a round with what the restarted server has."""
        self.next_number = load.next_number
        self.acknowledged_count += load.acknowledged_count
        self.in_flight_rounds += any(producer.waiting for producer in load.producers)
        for partition in _PARTITIONS:
            self._take_partition(connection, load, partition)
        self._check_topics(connection)

    def _take_partition(self, connection, load, partition):
        records, end = read_all(connection, partition, self.ends[partition])
        sends = {send.batch.number: send for producer in load.producers for send in producer.sends.get(partition, ())}
        stored = self._batches_of(records, partition, sends)
        for producer in load.producers:
            sent = producer.sends.get(partition, [])
            numbers = [send.batch.number for send in sent]
            kept = [number for number in stored if number in set(numbers)]
            assert kept == numbers[:len(kept)], f'{partition}: of one connection\'s {numbers} there are {kept}'
            for send in sent:
                offset = stored.get(send.batch.number)
                if send.base_offset is None:
                    self.unanswered_kept += offset is not None
                    self.retries[partition].append(send.batch)
                else:
                    assert offset == send.base_offset, (
                        f'{partition}: batch {send.batch.number} was acknowledged at {send.base_offset}, is at {offset}')
        values = {record.offset: record.value for record in records}
        for (seen_in, offset), value in load.tail.saw.items():
            assert seen_in != partition or values.get(offset) == value, f'{partition}: a reader saw another {offset}'
        self.contents[partition] += [sends[number].batch for number in stored]
        self.ends[partition] = end

    def _batches_of(self, records, partition, sends):
        """Base offsets of the batches that `records` are, by their numbers, in order. All were sent, none twice."""
        stored = {}
        at = 0
        while at < len(records):
            base_offset = self.ends[partition] + at
            number = int(records[at].value.split(b'.', 1)[0])
            assert number in sends, f'{partition}: nobody sent batch {number}, which is at {base_offset}'
            assert number not in stored, f'{partition}: batch {number} is at {stored[number]} and at {base_offset}'
            at = self._match(records, at, base_offset, sends[number].batch, partition)
            stored[number] = base_offset
        return stored

    def _match(self, records, at, offset, batch, partition):
        for index in range(len(batch.sizes)):
            assert at < len(records), f'{partition}: batch {batch.number} is not whole at the end of the log'
            record = records[at]
            assert record.offset == offset + index, f'{partition}: offset {record.offset} follows {offset + index - 1}'
            assert record.value == batch.value(index), f'{partition}: offset {record.offset} has changed'
            self.bytes_read += len(record.value)
            at += 1
        return at

    def _check_topics(self, connection):
        answer = connection.call(kafka.METADATA, 4, kafka.metadata(None))
        names = {topic['name'] for topic in answer['topics']}
        assert names <= set(_TOPICS) | set(self.passing_topics), names
        assert names >= set(_TOPICS), names
        for name, exists in self.passing_topics.items():
            assert exists in (None, name in names), f'topic {name}: {exists} was answered, {name in names} is so'
            self.passing_topics[name] = name in names

    def check_everything(self, connection):
        for partition in _PARTITIONS:
            records, end = read_all(connection, partition, 0)
            assert end == self.ends[partition]
            at = 0
            for batch in self.contents[partition]:
                at = self._match(records, at, at, batch, partition)
            assert at == len(records)


def run_round(server, account):
    chance = account.chance
    load = Load(server.port, dict(account.ends), account.next_number, account.retries, account.passing_topics, chance)
    load.run_until_killed(chance.uniform(0.01, 0.3), server.kill)
    server.io = chance.choice(('uring', 'threads'))
    began = time.monotonic()
    server.start()
    seconds = time.monotonic() - began
    with server.connect() as connection:
        account.take_round(connection, load)
    return seconds


@cases.case()
def killed_under_load(programs):
    """A killed server has lost nothing that it acknowledged"""
    rounds = round_count(programs)
    seed = int(os.environ.get('PENSTOCK_SEED', random.SystemRandom().randrange(1 << 31)))
    note(f'seed {seed}, {rounds} rounds')
    account = Account(seed)
    starts = []
    with data_directory() as directory:
        server = Server(programs, directory / 'data')
        try:
            server.start()
            with server.connect() as connection:
                for topic, configs in _TOPICS.items():
                    connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(topic, partitions=3, configs=configs))
            for number in range(rounds):
                try:
                    starts.append(run_round(server, account))
                except Exception:
                    note(f'in round {number}; the server said:\n{server.said()}')
                    raise
            with server.connect() as connection:
                account.check_everything(connection)
        finally:
            server.close()
    retried = sum(len(batches) for batches in account.contents.values())
    note(f'{account.acknowledged_count} batches acknowledged and found, {account.bytes_read >> 20} MiB compared; '
         f'{account.in_flight_rounds} of {rounds} kills had requests in flight, of which {account.unanswered_kept} '
         f'batches were kept; {retried} batches in the logs')
    note(f'a start took {sorted(starts)[len(starts) // 2]:.2f} s in the middle, {max(starts):.2f} s at most; '
         f'{len(account.passing_topics)} topics came and went')
    assert account.in_flight_rounds * 2 >= rounds, 'too few kills had requests in flight to mean anything'


if __name__ == '__main__':
    sys.exit(cases.main())
