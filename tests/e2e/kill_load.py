"""Load on a server that is about to be killed, and an exact account of what it promised.

Several producers pipeline requests, a reader follows the ends of all logs, an administrator makes and deletes topics; all
in one thread, so that every answer that reached this process before the server died is in the account.
"""
import random
import selectors
import socket
import struct
import time

import kafka_messages as kafka
from kafka_wire import WireError, decode_batches, decode_response, encode_batch, request_frame

_FILLER = random.Random(1).randbytes(1 << 20)


class Batch:
    """What one batch holds follows from its number and its sizes, so it need not be kept."""
    __slots__ = ('number', 'sizes')

    def __init__(self, number, sizes):
        self.number, self.sizes = number, sizes

    def value(self, index):
        begin = (self.number * 131 + index * 17) % 4096
        return b'%d.%d.' % (self.number, index) + _FILLER[begin:begin + self.sizes[index]]

    def encode(self):
        return encode_batch([self.value(i) for i in range(len(self.sizes))])


class Send:
    """One batch on its way to one partition; `base_offset` once it is acknowledged."""
    __slots__ = ('batch', 'partition', 'base_offset')

    def __init__(self, batch, partition):
        self.batch, self.partition, self.base_offset = batch, partition, None


class Client:
    """A connection that never blocks. Subclasses say what to send next, and take the answers."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.out = bytearray()
        self.received = bytearray()
        self.waiting = []  # (api, version, correlation id, what it was about) without an answer yet
        self.correlation = 0

    def request(self, api, version, body, about):
        self.correlation += 1
        self.out += request_frame(api, version, body, self.correlation)
        self.waiting.append((api, version, self.correlation, about))

    def write(self):
        if not self.out:
            return
        try:
            del self.out[:self.socket.send(self.out)]
        except BlockingIOError:
            pass
        except ConnectionError:  # the server is gone; what it answered before is still to be read
            self.out.clear()

    def read(self):
        """Takes what has arrived. False once the connection has ended."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self.received += data
        while len(self.received) >= 4:
            (length,) = struct.unpack_from('>i', self.received)
            if len(self.received) < 4 + length:
                break
            api, version, correlation, about = self.waiting.pop(0)
            self.answered(decode_response(bytes(self.received[4:4 + length]), api, version, correlation), about)
            del self.received[:4 + length]
        return bool(data)


class Producer(Client):
    def __init__(self, port, load, chance):
        super().__init__(port)
        self.load, self.chance = load, chance
        self.depth = chance.choice((1, 2, 4, 8, 16))
        self.sends = {}  # partition -> what was sent to it, in order

    def next_request(self):
        if len(self.waiting) >= self.depth or len(self.out) > 1 << 20:
            return
        version, about = self.chance.randint(3, 9), []
        for partition in self.chance.sample(self.load.partitions, self.chance.choice((1, 1, 1, 2, 3))):
            send = Send(self.load.next_batch(partition, self.chance), partition)
            self.sends.setdefault(partition, []).append(send)
            about.append(send)
        topics = {}
        for send in about:
            topic, index = send.partition
            topics.setdefault(topic, {})[index] = send.batch.encode()
        body = {'transactional_id': None, 'acks': self.chance.choice((-1, 1)), 'timeout_ms': 30000, 'topics': [
            part for topic, batches in topics.items() for part in kafka.produce(topic, batches)['topics']]}
        self.request(kafka.PRODUCE, version, body, about)

    def answered(self, answer, about):
        results = {(topic['name'], partition['index']): partition
                   for topic in answer['topics'] for partition in topic['partitions']}
        for send in about:
            result = results.pop(send.partition)
            if result['error'] != 0:
                raise AssertionError(f'a produce to {send.partition} got error {result["error"]}')
            send.base_offset = result['base_offset']
            self.load.acknowledged_count += 1
        assert not results


class Tail(Client):
    """Reads all partitions as they grow. What it saw must stay."""

    def __init__(self, port, load, chance):
        super().__init__(port)
        self.load, self.chance = load, chance
        self.next_offset = dict(load.ends)
        self.saw = {}  # (partition, offset) -> value

    def next_request(self):
        if self.waiting:
            return
        topic, index = self.chance.choice(self.load.partitions)
        body = kafka.fetch(topic, {index: self.next_offset[topic, index]}, max_wait_ms=10)
        self.request(kafka.FETCH, self.chance.randint(4, 11), body, (topic, index))

    def answered(self, answer, about):
        result = kafka.only_partition(answer)
        if result['error'] != 0:
            raise AssertionError(f'a fetch of {about} at {self.next_offset[about]} got error {result["error"]}')
        for record in decode_batches(result['records'] or b''):
            if record.offset >= result['high_watermark']:
                raise AssertionError(f'{about}: offset {record.offset} above high watermark {result["high_watermark"]}')
            if record.offset >= self.next_offset[about]:
                self.saw[about, record.offset] = record.value
                self.next_offset[about] = record.offset + 1


class Administrator(Client):
    """Makes and deletes topics. `topics`: name -> True, False or None (not known: no answer came)."""

    def __init__(self, port, topics, chance):
        super().__init__(port)
        self.topics, self.chance = topics, chance

    def next_request(self):
        if self.waiting or self.chance.random() < 0.5:
            return
        existing = [name for name, exists in self.topics.items() if exists]
        if len(existing) > 4:
            name = self.chance.choice(existing)
            self.request(kafka.DELETE_TOPICS, 3, kafka.delete_topics(name), (name, False))
        else:
            name = f'passing-{len(self.topics)}'
            self.request(kafka.CREATE_TOPICS, 4, kafka.create_topics(name), (name, True))
        self.topics[name] = None

    def answered(self, answer, about):
        name, exists = about
        error = answer['topics'][0]['error']
        if error != 0:
            raise AssertionError(f'{"creating" if exists else "deleting"} {name} got error {error}')
        self.topics[name] = exists


class Load:
    """One round of it. `ends`: partition -> its log end before the round."""

    def __init__(self, port, ends, first_number, retries, topics, chance):
        self.partitions = list(ends)
        self.ends = ends
        self.next_number = first_number
        self.retries = retries  # partition -> batches of earlier rounds whose fate their producer never learned
        self.acknowledged_count = 0
        self.producers = [Producer(port, self, random.Random(chance.random())) for _ in range(5)]
        self.tail = Tail(port, self, random.Random(chance.random()))
        self.administrator = Administrator(port, topics, random.Random(chance.random()))
        self.clients = [*self.producers, self.tail, self.administrator]

    def next_batch(self, partition, chance):
        if self.retries.get(partition) and chance.random() < 0.5:
            return self.retries[partition].pop()
        self.next_number += 1
        draw = chance.random()
        if draw < 0.7:
            sizes = [chance.randrange(300) for _ in range(chance.randint(1, 12))]
        elif draw < 0.97:
            sizes = [chance.randrange(20_000) for _ in range(chance.randint(1, 3))]
        else:
            sizes = [chance.randrange(60_000, 700_000)]
        return Batch(self.next_number, sizes)

    def run_until_killed(self, seconds, kill):
        """Loads the server for so long, kills it, and takes the answers that were on their way."""
        with selectors.DefaultSelector() as selector:
            for client in self.clients:
                selector.register(client.socket, selectors.EVENT_READ, client)
            kill_at = time.monotonic() + seconds
            while True:
                for client in self.clients:
                    client.next_request()
                    client.write()
                if time.monotonic() > kill_at:
                    break
                for key, _ in selector.select(0.001):
                    if not key.data.read():
                        raise WireError('the server ended a connection before it was killed')
            kill()
            give_up_at = time.monotonic() + 10
            while selector.get_map():
                if time.monotonic() > give_up_at:
                    raise WireError('a connection of a killed server stays open')
                for key, _ in selector.select(0.1):
                    if not key.data.read():
                        selector.unregister(key.data.socket)
        for client in self.clients:
            client.socket.close()
