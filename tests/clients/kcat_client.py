"""kcat, a process for each record: it takes what it sends from its command line and from a file."""
import concurrent.futures
import subprocess
import tempfile

import lines


def produce_one(bootstrap, topic, codec, record):
    command = ['kcat', '-P', '-q', '-b', bootstrap, '-t', topic, '-p', str(record.partition), '-z', codec]
    if record.key is not None:
        command += ['-k', record.key.decode()]
    for name, value in record.headers:
        command += ['-H', name if value is None else f'{name}={value.decode()}']
    if record.value:
        with tempfile.NamedTemporaryFile() as file:
            file.write(record.value)
            file.flush()
            subprocess.run([*command, file.name], check=True, timeout=30)
    else:  # it skips empty files
        command += ['-K:'] if record.value == b'' else ['-K:', '-Z']
        subprocess.run(command, input=record.key + b':', check=True, timeout=30)


def produce_topic(bootstrap, topic, codec, records):
    for record in records:
        produce_one(bootstrap, topic, codec, record)


def produce(bootstrap):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(produce_topic, bootstrap, *topic) for topic in lines.topics_to_produce()]:
            done.result()


_FORMAT = '%p %o %T %K %S %h\n%k%s\n'


def consume_topic(bootstrap, topic, count):
    """The records of a topic, each as print_record() takes it."""
    run = subprocess.run(['kcat', '-C', '-q', '-b', bootstrap, '-t', topic, '-p', '0', '-o', 'beginning', '-c',
                          str(count), '-f', _FORMAT], stdout=subprocess.PIPE, check=True, timeout=60)
    rest = run.stdout
    while rest:
        first, _, rest = rest.partition(b'\n')
        *numbers, headers = first.split(b' ')
        partition, offset, timestamp, key_bytes, value_bytes = map(int, numbers)
        key, rest = rest[:max(key_bytes, 0)], rest[max(key_bytes, 0):]
        value, rest = rest[:max(value_bytes, 0)], rest[max(value_bytes, 0) + 1:]
        pairs = [header.partition(b'=') for header in headers.split(b',') if header]
        yield (topic, partition, offset, timestamp, None if key_bytes < 0 else key, None if value_bytes < 0 else value,
               [(name.decode(), text) for name, _, text in pairs])


def consume(bootstrap):
    for topic, count in lines.topics_to_consume().items():
        for record in consume_topic(bootstrap, topic, count):
            lines.print_record(*record)


lines.run(produce, consume)
