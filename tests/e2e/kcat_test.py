"""A new user's first minute: real text in with kcat, the server killed, and the same text out again."""
import subprocess

from cases import Cases, note
from kafka_messages import CREATE_TOPICS, create_topics
from server import running_server

cases = Cases()


def some_packages(size_bytes_max=8 << 20):
    """What `apt-cache dumpavail | grep .` prints, as far as wanted: lines as people really have them."""
    text = subprocess.run(['apt-cache', 'dumpavail'], stdout=subprocess.PIPE, check=False).stdout
    lines = [line for line in text.split(b'\n') if line]
    if len(lines) < 1000:  # a machine whose package lists were removed
        lines = [b'Package: number-%d, which is as long as a line is' % i for i in range(100_000)]
    kept, size = [], 0
    for line in lines:
        size += len(line) + 1
        if size > size_bytes_max:
            break
        kept.append(line)
    return b'\n'.join(kept) + b'\n'


def kcat(server, *arguments, text=None):
    run = subprocess.run(['kcat', '-b', server.address(), *arguments], input=text, capture_output=True, timeout=120,
                         check=False)
    assert run.returncode == 0, run.stderr.decode(errors='replace')[-2000:]
    return run.stdout


@cases.case('uring')
@cases.case('threads')
def text_survives_a_kill(programs, io):
    """Lines produced with kcat are consumed after kill -9, on"""
    text = some_packages()
    with running_server(programs, io=io) as server:
        kcat(server, '-P', '-t', 'packages', text=text)
        server.kill()
        server.start()
        found = kcat(server, '-C', '-e', '-q', '-t', 'packages')
        assert found == text, f'{len(text)} bytes in, {len(found)} bytes out'
        listed = kcat(server, '-L').decode()
        assert 'topic "packages" with 1 partitions' in listed, listed
        note(f'{text.count(10)} lines, {len(text)} bytes')


@cases.case()
def keys_and_several_partitions(programs):
    """Keyed messages over six partitions come back with their keys, each key's in order"""
    lines = [f'key-{i % 97}:value {i}' for i in range(20_000)]
    with running_server(programs) as server:
        with server.connect() as connection:
            connection.call(CREATE_TOPICS, 4, create_topics('keyed', partitions=6))
        kcat(server, '-P', '-t', 'keyed', '-K:', text='\n'.join(lines).encode() + b'\n')
        server.kill()
        server.start()
        found = kcat(server, '-C', '-e', '-q', '-t', 'keyed', '-f', '%p %k:%s\n').decode().splitlines()
        partitions_of = {}
        by_key = {}
        for line in found:
            partition, message = line.split(' ', 1)
            key = message.split(':')[0]
            partitions_of.setdefault(key, set()).add(partition)
            by_key.setdefault(key, []).append(message)
        expected = {}
        for line in lines:
            expected.setdefault(line.split(':')[0], []).append(line)
        assert by_key == expected
        assert all(len(partitions) == 1 for partitions in partitions_of.values())
        assert len(set.union(*partitions_of.values())) == 6


if __name__ == '__main__':
    cases.main()
