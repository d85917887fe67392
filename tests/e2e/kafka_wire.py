"""The Kafka protocol as the tests speak it: written from its specification, sharing nothing with what it tests.

Messages are dictionaries, laid out by the tables of kafka_messages.py. A Connection is one socket; nothing retries,
nothing is sent that the test did not ask for, and what an answer holds beyond its layout is an error.
"""
import ctypes
import ctypes.util
import socket
import struct
import time

import record_codecs


class WireError(Exception):
    """Bytes that are not what the protocol says, or a connection that ended."""


def _make_crc32c():
    # Python has no CRC-32C; the library the server itself is linked with has. Checked against the published vector.
    library = ctypes.util.find_library('isal')
    if library is None:
        raise ImportError('libisal is missing')
    function = ctypes.CDLL(library).crc32_iscsi
    function.restype = ctypes.c_uint32
    function.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32)

    def crc(data):
        return function(data, len(data), 0xFFFFFFFF) ^ 0xFFFFFFFF

    assert crc(b'123456789') == 0xE3069283
    return crc


crc32c = _make_crc32c()


def varint(value):
    """Zig-zag, the least significant seven bits first."""
    return uvarint((value << 1) ^ (value >> 63) if value < 0 else value << 1)


def uvarint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    """Takes values off the front of bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if count < 0 or count > self.left():
            raise WireError(f'{count} bytes claimed where {self.left()} are left')
        taken = self.data[self.at:self.at + count]
        self.at += count
        return taken

    def unpack(self, form):
        return struct.unpack('>' + form, self.take(struct.calcsize('>' + form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise WireError('a varint without an end')

    def varint(self):
        raw = self.uvarint()
        return (raw >> 1) ^ -(raw & 1)


_INTEGERS = {'int8': 'b', 'int16': 'h', 'int32': 'i', 'int64': 'q', 'bool': '?', 'float64': 'd'}


class Field:
    """One field of a message: its type is a name, a list of Fields (a structure), or either in a tuple (an array of it).

    since..until: the versions that have it; nullable: the first version where null is legal; tag: a tagged field.
    """

    def __init__(self, name, kind, since=0, until=99, nullable=99, tag=None):
        self.name, self.kind, self.since, self.until = name, kind, since, until
        self.nullable, self.tag = nullable, tag

    def __contains__(self, version):
        return self.since <= version <= self.until


class Api:
    """The two messages of one request; from version `flexible` on they have compact lengths and tags."""

    def __init__(self, name, key, flexible, request, response):
        self.name, self.key, self.flexible, self.request, self.response = name, key, flexible, request, response


def _encode_length(count, flexible, form, what, nullable):
    if count is None:
        if not nullable:
            raise WireError(f'{what} cannot be null in this version')
        return b'\0' if flexible else struct.pack('>' + form, -1)
    return uvarint(count + 1) if flexible else struct.pack('>' + form, count)


def _encode_value(field, kind, value, version, flexible):
    nullable = version >= field.nullable
    if isinstance(kind, tuple):
        head = _encode_length(None if value is None else len(value), flexible, 'i', field.name, nullable)
        return head + b''.join(_encode_value(field, kind[0], item, version, flexible) for item in value or ())
    if isinstance(kind, list):
        if field.nullable == 99 or isinstance(field.kind, tuple):
            return encode_fields(kind, value, version, flexible)
        return b'\xff' if value is None else b'\1' + encode_fields(kind, value, version, flexible)
    if kind in _INTEGERS:
        return struct.pack('>' + _INTEGERS[kind], value)
    if kind == 'uuid':
        return value
    if kind == 'string':
        text = None if value is None else value.encode() if isinstance(value, str) else value
        return _encode_length(None if text is None else len(text), flexible, 'h', field.name, nullable) + (text or b'')
    assert kind == 'records'
    return _encode_length(None if value is None else len(value), flexible, 'i', field.name, True) + (value or b'')


def encode_fields(fields, values, version, flexible):
    """The fields in their order; `values` must have every one that `version` has."""
    parts = []
    for field in fields:
        if version in field and field.tag is None:
            parts.append(_encode_value(field, field.kind, values[field.name], version, flexible))
    if flexible:
        parts.append(b'\0')
    return b''.join(parts)


def _decode_length(reader, flexible, form, what, nullable):
    count = reader.uvarint() - 1 if flexible else reader.unpack(form)
    if count < -1 or (count == -1 and not nullable):
        raise WireError(f'{what} has length {count}')
    return count


def _decode_value(reader, field, kind, version, flexible):
    nullable = version >= field.nullable
    if isinstance(kind, tuple):
        count = _decode_length(reader, flexible, 'i', field.name, nullable)
        if count == -1:
            return None
        return [_decode_value(reader, field, kind[0], version, flexible) for _ in range(count)]
    if isinstance(kind, list):
        if field.nullable != 99 and not isinstance(field.kind, tuple) and reader.unpack('b') < 0:
            return None
        return decode_fields(reader, kind, version, flexible)
    if kind in _INTEGERS:
        return reader.unpack(_INTEGERS[kind])
    if kind == 'uuid':
        return reader.take(16)
    length = _decode_length(reader, flexible, 'h' if kind == 'string' else 'i', field.name,
                            nullable or kind == 'records')
    if length == -1:
        return None
    value = reader.take(length)
    return value.decode() if kind == 'string' else value


def _decode_tags(reader, fields, version):
    tagged = {}
    last = -1
    for _ in range(reader.uvarint()):
        tag = reader.uvarint()
        if tag <= last:
            raise WireError(f'tag {tag} after {last}')
        last = tag
        inner = Reader(reader.take(reader.uvarint()))
        for field in fields:
            if field.tag == tag and version in field:
                tagged[field.name] = _decode_value(inner, field, field.kind, version, True)
                if inner.left():
                    raise WireError(f'{inner.left()} bytes too many in {field.name}')
    return tagged


def decode_fields(reader, fields, version, flexible):
    values = {}
    for field in fields:
        if version in field and field.tag is None:
            values[field.name] = _decode_value(reader, field, field.kind, version, flexible)
    if flexible:
        values.update(_decode_tags(reader, fields, version))
    return values


class Record:
    """One record as read back."""
    __slots__ = ('offset', 'timestamp', 'key', 'value', 'headers')

    def __init__(self, offset, timestamp, key, value, headers):
        self.offset, self.timestamp, self.key, self.value, self.headers = offset, timestamp, key, value, headers


def encode_record(index, value, key=None, headers=(), timestamp_delta=0):
    body = bytearray(b'\0' + varint(timestamp_delta) + varint(index))
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(len(headers))
    for name, content in headers:
        body += varint(len(name)) + name
        body += varint(-1) if content is None else varint(len(content)) + content
    return varint(len(body)) + bytes(body)


def seal_batch(after_crc, base_offset=0, magic=2, crc=None, length=None):
    """Puts the front of a batch before `after_crc`, which begins with the attributes."""
    crc = crc32c(after_crc) if crc is None else crc
    length = len(after_crc) + 9 if length is None else length
    return struct.pack('>qiibI', base_offset, length, -1, magic, crc) + after_crc


def encode_batch(values, timestamp=None, attributes=0, **lies):
    """A record batch of version 2 of records with these values. `lies` replace fields of its header:
    last_offset_delta, record_count, producer_id, records (the bytes of all), and those of seal_batch."""
    if timestamp is None:
        timestamp = int(time.time() * 1000)
    records = lies.pop('records', None)
    if records is None:
        records = b''.join(encode_record(i, value) for i, value in enumerate(values))
    after_crc = struct.pack('>hiqqqhii', attributes, lies.pop('last_offset_delta', len(values) - 1), timestamp,
                            lies.pop('max_timestamp', timestamp), lies.pop('producer_id', -1),
                            lies.pop('producer_epoch', -1), lies.pop('base_sequence', -1),
                            lies.pop('record_count', len(values))) + records
    return seal_batch(after_crc, **lies)


def decode_batches(data):
    """All records of the batches in `data`, which may end within one, as Kafka's answers may."""
    records = []
    reader = Reader(data)
    while reader.left() >= 12:
        begin = reader.at
        base_offset, length = struct.unpack_from('>qi', data, begin)
        if reader.left() < 12 + length:
            break
        reader.at += 12
        batch = Reader(reader.take(length))
        batch.take(4)
        if batch.unpack('b') != 2:
            raise WireError('a batch that is not of version 2')
        crc = batch.unpack('I')
        if crc32c(batch.data[batch.at:]) != crc:
            raise WireError(f'the batch at offset {base_offset} has a wrong CRC')
        attributes, last_delta, base_time, _, _, _, _, count = struct.unpack('>hiqqqhii', batch.take(40))
        if attributes & 7:
            batch = Reader(record_codecs.unpack(attributes & 7, batch.take(batch.left())))
        for index in range(count):
            record = Reader(batch.take(batch.varint()))
            record.take(1)
            timestamp = base_time + record.varint()
            delta = record.varint()
            parts = []
            for _ in range(2):
                size = record.varint()
                parts.append(None if size == -1 else record.take(size))
            headers = []
            for _ in range(record.varint()):
                name = record.take(record.varint())
                size = record.varint()
                headers.append((name, None if size == -1 else record.take(size)))
            if record.left() or delta != index:
                raise WireError(f'a malformed record in the batch at offset {base_offset}')
            records.append(Record(base_offset + delta, timestamp, *parts, headers))
        if batch.left() or last_delta != count - 1:
            raise WireError(f'the batch at offset {base_offset} does not add up')
    return records


class Connection:
    """One socket to a server. Requests may be pipelined: send() several times, then receive() as often."""

    def __init__(self, port, timeout=20, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(('127.0.0.1', port))
        self.correlation = 0
        self.expected = []  # (correlation id, Api, version) of what is to be answered

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def frame(self, api, version, body, key=None):
        """The bytes of a request; `body` is a dictionary or ready bytes."""
        self.correlation += 1
        return request_frame(api, version, body, self.correlation, key)

    def send(self, api, version, body, answered=True):
        frame = self.frame(api, version, body)
        if answered:
            self.expected.append((self.correlation, api, version))
        self.socket.sendall(frame)

    def receive_frame(self):
        (length,) = struct.unpack('>i', self._exactly(4))
        return self._exactly(length)

    def receive(self):
        """The next answer, decoded to its last byte."""
        correlation, api, version = self.expected.pop(0)
        return decode_response(self.receive_frame(), api, version, correlation)

    def call(self, api, version, body):
        assert not self.expected
        self.send(api, version, body)
        return self.receive()

    def ended(self, seconds=10):
        """Whether the server ends the connection by then, with no more to say."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b''
        except (ConnectionError, BrokenPipeError):
            return True
        except TimeoutError:
            return False

    def _exactly(self, count):
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise WireError('the connection ended')
            parts.append(part)
            count -= len(part)
        return b''.join(parts)


def request_frame(api, version, body, correlation, key=None, client_id=b'e2e'):
    header = struct.pack('>hhih', api.key if key is None else key, version, correlation, len(client_id)) + client_id
    flexible = version >= api.flexible
    if flexible:
        header += b'\0'
    if isinstance(body, dict):
        body = encode_fields(api.request, body, version, flexible)
    return struct.pack('>i', len(header) + len(body)) + header + body


def decode_response(frame, api, version, correlation):
    reader = Reader(frame)
    found = reader.unpack('i')
    if found != correlation:
        raise WireError(f'an answer to {found}, not to {correlation}')
    flexible = version >= api.flexible
    if flexible and api.key != 18:  # a client that asks for versions cannot know the header of the answer
        _decode_tags(reader, (), version)
    values = decode_fields(reader, api.response, version, flexible)
    if reader.left():
        raise WireError(f'{reader.left()} bytes too many in the answer to {api.name} v{version}')
    return values
