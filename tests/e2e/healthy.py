"""A server under bad treatment, and a well-behaved client that must not notice."""
import contextlib

import kafka_messages as kafka
from cases import note
from kafka_wire import decode_batches, encode_batch
from server import running_server

TOPIC = 'bystander'


class Bystander:
    """A connection opened before all faults, which goes on working: produces, and reads back, with bounded memory."""

    def __init__(self, server, programs):
        self.server = server
        self.connection = server.connect()
        self.connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(TOPIC))
        self.number = 0
        for _ in range(20):
            self.unharmed()
        # What the faults may add: a fixed amount, however many there are and whatever they claim.
        self.resident_bytes_max = server.resident_bytes() + ((1 << 30) if programs.sanitized else (128 << 20))

    def unharmed(self):
        value = b'number %d' % self.number
        answer = self.connection.call(kafka.PRODUCE, 7, kafka.produce(TOPIC, {0: encode_batch([value])}))
        result = kafka.only_partition(answer)
        assert (result['error'], result['base_offset']) == (0, self.number), result
        answer = self.connection.call(kafka.FETCH, 11, kafka.fetch(TOPIC, {0: self.number}))
        (record,) = decode_batches(kafka.only_partition(answer)['records'])
        assert (record.offset, record.value) == (self.number, value)
        self.number += 1

    def check(self):
        self.unharmed()
        resident = self.server.resident_bytes()
        assert resident < self.resident_bytes_max, f'the server holds {resident >> 20} MiB'


@contextlib.contextmanager
def bystander(programs):
    # Some records are from long ago; no group waits for members that do not come.
    options = ['--log.retention.ms=-1', '--group.initial.rebalance.delay.ms=0']
    with running_server(programs, options=options) as server:
        watching = Bystander(server, programs)
        began_with = server.resident_bytes()
        yield watching
        watching.check()
        note(f'resident: {began_with >> 20} MiB at first, {server.resident_bytes() >> 20} MiB at the end')
