"""/metrics, /healthz and /readyz: what they say against what was done, and against their documentation."""
import contextlib
import http.client
import pathlib
import re
import socket
import sys
import threading
import time

import kafka_messages as kafka
from cases import Cases, note
from kafka_wire import decode_batches, encode_batch
from server import free_port, running_server

cases = Cases()

_PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'metrics.md'
_TOPIC = 'counted'
_SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


@contextlib.contextmanager
def a_server(programs, io='uring', **options):
    port, lock = free_port()
    try:
        with running_server(programs, io=io, http_listen=f'127.0.0.1:{port}', **options) as server:
            server.http_port = port
            yield server
    finally:
        lock.close()


def get(server, path, method='GET'):
    connection = http.client.HTTPConnection('127.0.0.1', server.http_port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode(), response


class Scrape:
    """One page, read strictly."""

    def __init__(self, text):
        self.text = text
        self.types, self.samples = {}, {}
        assert text.endswith('\n')
        for line in text.splitlines():
            if line.startswith('# TYPE '):
                _, _, name, kind = line.split(' ')
                assert name not in self.types, f'{name} twice'
                self.types[name] = kind
            elif not line.startswith('# HELP '):
                match = _SAMPLE.match(line)
                assert match, line
                name, labels, value = match.groups()
                pairs = _LABEL.findall(labels or '')
                assert ','.join(f'{key}="{text}"' for key, text in pairs) == (labels or ''), line
                family = re.sub(r'_(bucket|sum|count)$', '', name)
                assert name in self.types or self.types.get(family) == 'histogram', name
                key = (name, frozenset(pairs))
                assert key not in self.samples, f'{line} twice'
                self.samples[key] = float(value)

    def get(self, name, **labels):
        return self.samples[(name, frozenset(labels.items()))]

    def total(self, name, **labels):
        """Over all samples that have these labels."""
        return sum(value for (found, pairs), value in self.samples.items()
                   if found == name and labels.items() <= dict(pairs).items())


def scrape(server):
    status, text, response = get(server, '/metrics')
    assert status == 200
    assert response.getheader('Content-Type').startswith('text/plain; version=0.0.4')
    return Scrape(text)


def documented():
    return {match.group(1): match.group(2) for match in
            re.finditer(r'^\| `([a-z_]+)` \| (counter|gauge|histogram) \|', _PAGE.read_text(), re.MULTILINE)}


@cases.case('uring')
@cases.case('threads')
def as_documented(programs, io):
    """Each family is documented with its type, and each that is documented is there, on"""
    with a_server(programs, io) as server:
        page = scrape(server)
        assert page.types == documented(), set(page.types.items()) ^ set(documented().items())
        with contextlib.suppress(ImportError):
            from prometheus_client.parser import text_string_to_metric_families
            # This parser calls a counter without its _total.
            parsed = {re.sub('_total$', '', family.name) for family in text_string_to_metric_families(page.text)}
            assert parsed == {re.sub('_total$', '', name) for name in page.types}


class Load:
    """Producers and a reader beside each other, which count for themselves."""

    PARTITIONS, PRODUCERS, BATCHES, RECORDS = 4, 3, 60, 7

    def __init__(self, server):
        self.server = server
        self.produced_bytes = self.fetches = self.read_records = self.read_bytes = 0
        self.failures = []

    def run_quietly(self, work, *arguments):
        try:
            work(*arguments)
        except Exception as failure:
            self.failures.append(failure)

    def produce(self, index):
        with self.server.connect() as connection:
            for number in range(self.BATCHES):
                batch = encode_batch([bytes([index]) * (100 + number) for _ in range(self.RECORDS)])
                answer = connection.call(kafka.PRODUCE, 7,
                                         kafka.produce(_TOPIC, {(index + number) % self.PARTITIONS: batch}))
                assert kafka.only_partition(answer)['error'] == 0
                self.produced_bytes += len(batch)

    def consume(self):
        wanted = self.PRODUCERS * self.BATCHES * self.RECORDS
        next_offsets = dict.fromkeys(range(self.PARTITIONS), 0)
        with self.server.connect(timeout=30) as connection:
            while self.read_records < wanted:
                answer = connection.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, next_offsets, max_wait_ms=2000))
                self.fetches += 1
                for part in answer['topics'][0]['partitions']:
                    records = decode_batches(part['records'] or b'')
                    self.read_records += len(records)
                    self.read_bytes += len(part['records'] or b'')
                    if records:
                        next_offsets[part['index']] = records[-1].offset + 1

    def run(self):
        threads = [threading.Thread(target=self.run_quietly, args=(self.produce, index))
                   for index in range(self.PRODUCERS)]
        threads.append(threading.Thread(target=self.run_quietly, args=(self.consume,)))
        for thread in threads:
            thread.start()
        pages = []
        while any(thread.is_alive() for thread in threads):
            pages.append(scrape(self.server))
            time.sleep(0.02)
        if self.failures:
            raise self.failures[0]
        return pages


@cases.case('uring')
@cases.case('threads')
def exact_numbers(programs, io):
    """After a load the figures are what its clients counted, and on the way they never fall, on"""
    with a_server(programs, io) as server, server.connect() as admin:
        admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=Load.PARTITIONS))
        before = scrape(server)
        load = Load(server)
        pages = [before, *load.run(), scrape(server)]
        after = pages[-1]
        batches = load.PRODUCERS * load.BATCHES
        records = batches * load.RECORDS
        expected = {'received_batches_total': batches, 'received_records_total': records,
                    'received_bytes_total': load.produced_bytes, 'sent_records_total': records,
                    'sent_bytes_total': load.read_bytes, 'log_start_offset': 0, 'log_end_offset': records,
                    'high_watermark': records, 'partitions': load.PARTITIONS}
        for name, value in expected.items():
            found = after.get(f'penstock_topic_{name}', topic=_TOPIC)
            assert found == value, f'{name}: {found}, and not {value}'
        assert load.read_bytes == load.produced_bytes
        assert after.get('penstock_topic_size_bytes', topic=_TOPIC) > load.produced_bytes
        assert after.total('penstock_requests_total', api='Produce') == batches
        assert after.total('penstock_requests_total', api='Fetch') == load.fetches
        assert after.get('penstock_request_duration_seconds_count', api='Produce') == batches
        assert after.total('penstock_disk_written_bytes_total') > load.produced_bytes
        assert after.total('penstock_network_received_bytes_total') > load.produced_bytes
        assert after.total('penstock_network_sent_bytes_total') > load.read_bytes
        assert after.total('penstock_flush_duration_seconds_count') > 0
        assert after.total('penstock_reactor_busy_seconds_total') > 0
        assert after.total('penstock_ring_submissions_total') > 0 or io == 'threads'
        assert after.total('penstock_request_errors_total') == 0
        for earlier, later in zip(pages, pages[1:]):
            for (name, labels), value in earlier.samples.items():
                if earlier.types.get(name) == 'counter' or name.endswith(('_bucket', '_count')):
                    assert later.samples[(name, labels)] >= value, (name, labels)
        note(f'{len(pages)} pages, the last of {len(after.text)} bytes')


@cases.case()
def errors_and_lag(programs):
    """Error codes are counted by API, and a group's lag is what it has not committed"""
    with a_server(programs) as server, server.connect() as client:
        client.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=2))
        for index in (0, 1):
            client.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {index: encode_batch([b'x'] * 10)}))
        client.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, {7: encode_batch([b'x'])}))
        client.call(kafka.FETCH, 11, kafka.fetch(_TOPIC, {0: 5000}))
        commit(server, 'readers', {0: 4, 1: 10})
        page = scrape(server)
        assert page.get('penstock_request_errors_total', api='Produce', error='UNKNOWN_TOPIC_OR_PARTITION') == 1
        assert page.get('penstock_request_errors_total', api='Fetch', error='OFFSET_OUT_OF_RANGE') == 1
        assert page.get('penstock_group_lag_records', group='readers', topic=_TOPIC) == 6
        assert page.get('penstock_groups', state='Empty') == 1
        assert page.total('penstock_connections') == 1
        client.call(kafka.DELETE_TOPICS, 3, kafka.delete_topics(_TOPIC))
        assert not [key for key in scrape(server).samples if ('topic', _TOPIC) in key[1]]


def commit(server, group, offsets):
    import kafka_group_messages as groups
    with server.connect() as connection:
        deadline = time.monotonic() + 20
        while True:
            answer = connection.call(groups.OFFSET_COMMIT, 2, groups.offset_commit(group, _TOPIC, offsets))
            codes = {part['error'] for part in answer['topics'][0]['partitions']}
            if codes == {0}:
                return
            assert codes <= {14, 15, 16} and time.monotonic() < deadline, codes
            time.sleep(0.02)


@cases.case()
def says_how_it_is(programs):
    """It says that it lives and is ready, also over one connection, and what it does not have"""
    with a_server(programs) as server:
        deadline = time.monotonic() + 20
        while get(server, '/readyz')[0] != 200:
            assert time.monotonic() < deadline
        assert get(server, '/healthz')[:2] == (200, 'alive\n')
        assert get(server, '/readyz?verbose')[1].startswith('ready\n')
        assert get(server, '/')[0] == 404
        status, text, response = get(server, '/metrics', 'HEAD')
        assert (status, text) == (200, '') and int(response.getheader('Content-Length')) > 1000
        assert get(server, '/metrics', 'DELETE')[0] == 405
        connection = http.client.HTTPConnection('127.0.0.1', server.http_port, timeout=20)
        with contextlib.closing(connection):
            connection.connect()
            first = connection.sock
            for _ in range(3):
                connection.request('GET', '/healthz')
                assert connection.getresponse().read() == b'alive\n'
                assert connection.sock is first
        with socket.create_connection(('127.0.0.1', server.http_port), timeout=20) as raw:
            raw.sendall(b'GET /healthz HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n')
            said = b''.join(iter(lambda: raw.recv(65536), b''))
        assert re.findall(rb'HTTP/1.1 (\d+)', said) == [b'200', b'404'], said


class Readiness(threading.Thread):
    """Asks /readyz again and again, over connections that stay, and notes each change of its status."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.seen, self.texts, self.ended = server, [], {}, threading.Event()

    def run(self):
        while not self.ended.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection('127.0.0.1', self.server.http_port, timeout=20)
                with contextlib.closing(connection):
                    while not self.ended.is_set():
                        connection.request('GET', '/readyz')
                        self.note(connection.getresponse())

    def note(self, response):
        text = response.read().decode()
        if self.seen[-1:] != [response.status]:
            self.seen.append(response.status)
        self.texts[response.status] = text

    def end(self):
        self.ended.set()
        self.join()


@cases.case()
def not_ready(programs):
    """It says 503 until all is recovered, 200 while it serves, and 503 again while it stops"""
    partitions, rounds = 300, 20
    batch = encode_batch([b'x' * 1000])
    with a_server(programs) as server:
        with server.connect() as client:
            client.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=partitions))
            answer = client.call(kafka.PRODUCE, 7, kafka.produce(_TOPIC, dict.fromkeys(range(partitions), batch)))
            assert all(part['error'] == 0 for part in answer['topics'][0]['partitions'])
        server.kill()
        recovering = stopping = 0
        # Both are soon over: on a busy machine who asks may miss them, so it asks again until it has seen each.
        for round_number in range(rounds):
            watching = Readiness(server)
            watching.start()
            server.start()
            wait_until_ready(watching)
            assert server.terminate(patience_s=60)[0] == 0
            watching.end()
            assert watching.seen in ([503, 200, 503], [503, 200], [200, 503], [200]), watching.seen
            found = re.match(r'ready\npartitions found: (\d+)\npartitions opened: \1\nof these refused: 0\n', watching.texts[200])
            assert found and int(found.group(1)) >= partitions, watching.texts
            recovering += watching.seen[0] == 503
            stopping += watching.seen[-1] == 503
            if recovering and stopping:
                note(f'round {round_number}: {recovering} times seen recovering, {stopping} times stopping')
                return
    raise AssertionError(f'{recovering} times seen recovering, {stopping} times stopping, of {rounds}')


def wait_until_ready(watching):
    deadline = time.monotonic() + 60
    while watching.seen[-1:] != [200]:
        assert time.monotonic() < deadline, watching.seen
        time.sleep(0.01)


@cases.case()
def hostile_bytes(programs):
    """Bytes that are no request get an error and the end, and cost nothing"""
    hostile = {
        b'\0\0\0\x1f\0\x12\0\0' * 4: 400,
        b'\x16\x03\x01\x02\0\x01\0': 400,
        b'GET /metrics\r\n\r\n': 505,
        b'GET / HTTP/1.1\r\nno colon here\r\n\r\n': 400,
        b'GET / HTTP/1.1\r\nX: ' + b'x' * 20000: 431,
        b'GET /' + b'p' * 5000 + b' HTTP/1.1\r\n\r\n': 414,
        b'POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n': 413,
        b'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n': 413,
        b'GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n': 400,
        b'GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n': 400,
    }
    with a_server(programs) as server:
        for data, status in hostile.items():
            with socket.create_connection(('127.0.0.1', server.http_port), timeout=20) as raw:
                with contextlib.suppress(OSError):
                    raw.sendall(data)
                said = b''.join(iter(lambda: raw.recv(65536), b''))
            assert said.startswith(b'HTTP/1.1 %d ' % status), (data[:60], said)
            assert b'Connection: close' in said
        idle = [socket.create_connection(('127.0.0.1', server.http_port), timeout=20) for _ in range(32)]
        with contextlib.ExitStack() as stack:
            for connection in idle:
                stack.enter_context(connection)
            time.sleep(0.1)
            with socket.create_connection(('127.0.0.1', server.http_port), timeout=20) as beyond:
                assert beyond.recv(1) == b'', 'one more than there may be is let in'
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert get(server, '/healthz')[0] == 200
                break
            assert time.monotonic() < deadline


if __name__ == '__main__':
    sys.exit(cases.main())
