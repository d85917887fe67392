"""What the Python clients and the tests share: the lines of README.md, in and out."""
import dataclasses
import itertools
import signal
import sys


@dataclasses.dataclass(frozen=True)
class Record:
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list


def bytes_of(text):
    return None if text == '-' else bytes.fromhex(text)


def text_of(data):
    return '-' if data is None else data.hex()


def headers_of(text):
    pairs = [header.split(':') for header in text.split(',') if header]
    return [(name, bytes_of(value)) for name, value in pairs]


def fields_of(record):
    headers = ','.join(f'{name}:{text_of(value)}' for name, value in record.headers)
    return [str(record.timestamp), text_of(record.key), text_of(record.value), headers]


def told(*fields):
    print(*fields, sep='\t', flush=True)


def print_record(topic, partition, offset, timestamp, key, value, headers):
    told(topic, partition, offset, *fields_of(Record(partition, timestamp, key, value, headers)))


def rows():
    return [line.rstrip('\n').split('\t') for line in sys.stdin]


def topics_to_produce():
    """(topic, codec, records) of each topic, in the order of the lines."""
    for (codec, topic), group in itertools.groupby(rows(), lambda row: (row[0], row[1])):
        yield topic, codec, [Record(int(partition), int(timestamp), bytes_of(key), bytes_of(value), headers_of(headers))
                             for _, _, partition, timestamp, key, value, headers in group]


def topics_to_consume():
    return {topic: int(count) for topic, count in rows()}


def administer(verbs, code_of):
    """Does each line with the one of `verbs` that it names. `code_of`: Kafka's error code of an exception, None where it
    has none."""
    for verb, *fields in rows():
        try:
            told(verb, verbs[verb](*fields) or '')
        except Exception as error:  # whatever a client makes of a refusal
            code = code_of(error)
            if code is None:
                raise
            told(verb, f'refused {code}')


_signals = []


def asked_to_end():
    return bool(_signals)


def run(*commands):
    """Runs the one of `commands` that the command line names."""
    signal.signal(signal.SIGTERM, lambda number, _: _signals.append(number))
    by_name = {command.__name__: command for command in commands}
    name, bootstrap, *rest = sys.argv[1:]
    by_name[name](bootstrap, *rest)
