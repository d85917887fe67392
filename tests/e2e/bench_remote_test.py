"""The load generators against a server: what they count is what the server has, and their latencies can be read back."""
import base64
import json
import shutil
import struct
import subprocess
import zlib

import kafka_messages as kafka
from cases import Cases, note
from server import Server, data_directory, free_port, running_server

cases = Cases()


def run_bench(programs, *arguments):
    run = subprocess.run([programs.penstock, 'bench', *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=100, check=False)
    if run.returncode:
        note(run.stderr)
    return run.returncode, run.stdout, run.stderr


def result_of(programs, server, command, *options):
    status, output, complaint = run_bench(programs, command, f'--bootstrap={server.address()}', '--duration=300ms',
                                          '--window=100ms', '--json', *options)
    assert status == 0, complaint
    result = json.loads(output)
    latencies = result['latency_us']
    assert 0 < latencies['p50'] <= latencies['p99'] <= latencies['p999'] <= latencies['max']
    assert result['command'] == command and result['bytes_per_second'] > 0 and result['cpu_fraction'] > 0, result
    return result


def record_count(server, topic, partitions):
    """What the server says it has."""
    with server.connect() as connection:
        answer = connection.call(kafka.LIST_OFFSETS, 1, kafka.list_offsets(topic, dict.fromkeys(range(partitions), -1)))
        return sum(part['offset'] for part in answer['topics'][0]['partitions'])


@cases.case('--batch-bytes=64KiB')
@cases.case('--batch-bytes=4KiB', '--record-bytes=100', '--connections=4', '--in-flight=16', '--partitions=3')
@cases.case('--partitions=7', '--connections=3', '--acks=1', '--batch-bytes=16KiB')
@cases.case('--rate=200', '--batch-bytes=4KiB')
@cases.case('--rate=200', '--spin', '--batch-bytes=4KiB')
def produce_then_consume(programs, *options):
    """Every record that produce counted is there, and consume reads all of them,"""
    with running_server(programs) as server:
        produced = result_of(programs, server, 'produce', '--topic=load', *options)
        partitions = produced['partitions']
        assert produced['working_set_bytes'] >= 64 << 20
        assert produced['records'] == record_count(server, 'load', partitions) > 0, produced
        assert produced['bytes'] == produced['operations'] * produced['payload_bytes']
        if '--rate=200' in options:
            assert produced['operations'] == 60, produced  # 300 ms of it, however slow the server is
        consumed = result_of(programs, server, 'consume', '--topic=load', f'--connections={min(partitions, 2)}')
        assert consumed['records'] > 0 and consumed['partitions'] == partitions, consumed


@cases.case()
def broker_time(programs):
    """The processor time of the broker is told for each gigabyte"""
    with running_server(programs) as server:
        result = result_of(programs, server, 'produce', f'--broker-pid={server.process.pid}')
        assert 0 < result['broker_cpu_seconds_per_gb'] < 1000, result


@cases.case('iperf3')
@cases.case('min(iperf3,fio)')
def compared(programs, against):
    """Produce takes turns with"""
    if not (shutil.which('fio') and shutil.which('iperf3')):
        note('fio or iperf3 is not installed')
        return
    with running_server(programs) as server, data_directory() as directory:
        result = result_of(programs, server, 'produce', f'--against={against}', f'--data-dir={directory}/bench')
        assert result['ratio'] > 0 and result['reference_bytes_per_second'] > 0, result
        assert not (directory / 'bench').exists()


@cases.case('ping-pong')
@cases.case('one-partition')
def beside_a_load(programs, against):
    """Produce takes turns with the same load elsewhere, and tells its latencies too:"""
    with running_server(programs) as server, data_directory() as directory:
        result = result_of(programs, server, 'produce', '--topic=load', '--partitions=3', f'--against={against}',
                           '--rate=200', '--batch-bytes=10KiB', f'--data-dir={directory}/bench')
        latencies = result['reference_latency_us']
        assert 0 < latencies['p50'] <= latencies['p99'] <= latencies['max'], result
        assert result['ratio'] > 0 and result['p99_ratio'] > 0, result
        assert record_count(server, 'load', 3) == result['records'], result
        if against == 'one-partition':
            assert record_count(server, 'load-one-partition', 1) == result['records'], result
        assert not (directory / 'bench').exists()


def varints(data):
    """The numbers of an HdrHistogram's counts."""
    position = 0
    while position < len(data):
        number = shift = 0
        while True:
            byte = data[position]
            position += 1
            if shift == 56:
                number |= byte << shift
                break
            number |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield number >> 1 ^ -(number & 1)


def hdr_values(text):
    """Each bucket's lowest value and count, from one line's histogram."""
    packed = base64.b64decode(text, validate=True)
    cookie, length = struct.unpack_from('>II', packed)
    assert cookie == 0x1c849314 and length == len(packed) - 8
    plain = zlib.decompress(packed[8:])
    cookie, length, shift, digits, lowest, highest, factor = struct.unpack_from('>IIIIQQd', plain)
    assert (cookie, length, shift, digits, lowest, factor) == (0x1c849313, len(plain) - 40, 0, 3, 1, 1.0)
    bucket = 0
    for number in varints(plain[40:]):
        if number < 0:
            bucket -= number
            continue
        width = max((bucket >> 10) - 1, 0)
        if number:
            value = bucket - (width << 10) << width
            assert value <= highest
            yield value, number
        bucket += 1


@cases.case()
def hdr_log(programs):
    """Latencies can be read back from the log, an interval for each window"""
    with running_server(programs) as server, data_directory() as directory:
        path = directory / 'latencies.hdr'
        result = result_of(programs, server, 'produce', '--batch-bytes=16KiB', f'--hdr-log={path}')
        lines = path.read_text().splitlines()
        assert lines[0] == '#[Histogram log format version 1.3]' and lines[1].startswith('#[StartTime: ')
        assert lines[2].startswith('"StartTimestamp","Interval_Length","Interval_Max"')
        intervals = [line.split(',') for line in lines[3:]]
        assert len(intervals) == 3
        total = 0
        for begin, length, most, histogram in intervals:
            assert float(begin) >= 0 and float(length) >= 0.1
            values = dict(hdr_values(histogram))
            total += sum(values.values())
            assert abs(max(values) / 1e6 - float(most)) <= float(most) / 500 + 0.001, (max(values), most)
        assert total == result['operations'], (total, result['operations'])


@cases.case()
def nobody_there(programs):
    """Without a broker, and with options that make no sense, it says so"""
    port, lock = free_port()
    with lock:
        for command in ('produce', 'consume'):
            status, _, complaint = run_bench(programs, command, f'--bootstrap=127.0.0.1:{port}')
            assert status == 1 and f'127.0.0.1:{port}' in complaint, complaint
    for arguments, word in ((['produce'], '--bootstrap'),
                            (['produce', '--bootstrap=nowhere'], '--bootstrap'),
                            (['produce', '--bootstrap=127.0.0.1:1', '--record-bytes=2MiB'], '--record-bytes'),
                            (['produce', '--bootstrap=127.0.0.1:1', '--rate=-1'], '--rate'),
                            (['consume', '--bootstrap=127.0.0.1:1', '--from=nowhere'], '--from')):
        status, _, complaint = run_bench(programs, *arguments)
        assert status == 2 and word in complaint, (arguments, status, complaint)


@cases.case()
def broker_dies(programs):
    """A broker that dies ends the load, with a word about it"""
    with data_directory() as directory:
        server = Server(programs, directory / 'data')
        try:
            server.start()
            load = subprocess.Popen([programs.penstock, 'bench', 'produce', f'--bootstrap={server.address()}',
                                     '--duration=60s', '--window=60s'], stderr=subprocess.PIPE, text=True)
            while record_count(server, 'penstock-bench', 1) <= 0:  # -1: there is no such topic yet
                assert load.poll() is None
            server.kill()
            _, complaint = load.communicate(timeout=30)
            assert load.returncode == 1 and 'connection' in complaint, complaint
        finally:
            server.close()


if __name__ == '__main__':
    cases.main()
