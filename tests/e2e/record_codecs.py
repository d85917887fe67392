"""The codecs of record batches in plain Python: packers that write each framing Kafka's clients write, simple ones that
do not save a byte, bombs, and unpackers."""
import struct
import zlib

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
NAMES = {0: 'uncompressed', GZIP: 'gzip', SNAPPY: 'snappy', LZ4: 'lz4', ZSTD: 'zstd'}

_XERIAL = b'\x82SNAPPY\0'
XERIAL_HEADER = _XERIAL + struct.pack('>ii', 1, 1)
_LZ4_MAGIC = struct.pack('<I', 0x184D2204)
ZSTD_MAGIC = struct.pack('<I', 0xFD2FB528)


def pieces(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)] or [b'']


def gzip(data, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def snappy_raw(data):
    """One block, of literals only."""
    return _uvarint(len(data)) + b''.join(
        b'\xf4' + struct.pack('<H', len(piece) - 1) + piece for piece in pieces(data, 1 << 16) if piece)


def snappy_xerial(data):
    return XERIAL_HEADER + b''.join(
        struct.pack('>i', len(block)) + block for block in map(snappy_raw, pieces(data, 32 << 10)))


def snappy_bomb(size):
    """Zeros: one literal, then copies of 64 bytes."""
    return _uvarint(size) + b'\0\0' + b'\xfe\x01\0' * ((size - 1) // 64) + (
        bytes([((size - 1) % 64 - 1) << 2 | 2]) + b'\x01\0' if (size - 1) % 64 else b'')


def xxh32(data):
    primes = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    mask = 0xFFFFFFFF

    def rotate(value, by):
        return (value << by | value >> 32 - by) & mask

    at = 0
    if len(data) >= 16:
        lanes = [(primes[0] + primes[1]) & mask, primes[1], 0, -primes[0] & mask]
        while at + 16 <= len(data):
            for i, word in enumerate(struct.unpack_from('<4I', data, at)):
                lanes[i] = rotate((lanes[i] + word * primes[1]) & mask, 13) * primes[0] & mask
            at += 16
        value = sum(map(rotate, lanes, (1, 7, 12, 18))) & mask
    else:
        value = primes[4]
    value = (value + len(data)) & mask
    while at + 4 <= len(data):
        value = rotate((value + struct.unpack_from('<I', data, at)[0] * primes[2]) & mask, 17) * primes[3] & mask
        at += 4
    for byte in data[at:]:
        value = rotate((value + byte * primes[4]) & mask, 11) * primes[0] & mask
    value = (value ^ value >> 15) * primes[1] & mask
    value = (value ^ value >> 13) * primes[2] & mask
    return value ^ value >> 16


def lz4_header(flags=0x60, sizes=0x40):
    descriptor = bytes([flags, sizes])
    return _LZ4_MAGIC + descriptor + bytes([xxh32(descriptor) >> 8 & 0xFF])


def lz4(data):
    """A frame of blocks of 64 KiB that are not packed."""
    return lz4_header() + b''.join(
        struct.pack('<I', len(block) | 1 << 31) + block for block in pieces(data, 1 << 16) if block) + b'\0' * 4


def lz4_bomb(size):
    """Zeros, in blocks of 4 MiB at most: one literal, one long match, five literals."""
    blocks = b''
    while size:
        block_size = min(size, 4 << 20)
        left = block_size - 1 - 4 - 15 - 5
        block = b'\x1f\0' + b'\x01\0' + b'\xff' * (left // 255) + bytes([left % 255]) + b'\x50' + b'\0' * 5
        blocks += struct.pack('<I', len(block)) + block
        size -= block_size
    return lz4_header(sizes=0x70) + blocks + b'\0' * 4


def _zstd_frame(blocks, window=b'\x58'):
    """`blocks`: (kind, size, bytes); kind 0 is raw and 1 one byte, repeated."""
    frame = ZSTD_MAGIC + b'\0' + window
    for number, (kind, size, content) in enumerate(blocks, 1):
        frame += struct.pack('<I', size << 3 | kind << 1 | (number == len(blocks)))[:3] + content
    return frame


def zstd(data, window=b'\x58'):
    return _zstd_frame([(0, len(block), block) for block in pieces(data, 1 << 17)], window)


def zstd_bomb(size):
    return _zstd_frame([(1, min(1 << 17, size - at), b'\0') for at in range(0, size, 1 << 17)])


# Every framing that is taken: its name, codec and packer.
FRAMINGS = (('gzip', GZIP, gzip), ('snappy raw', SNAPPY, snappy_raw), ('snappy xerial', SNAPPY, snappy_xerial),
            ('lz4', LZ4, lz4), ('zstd', ZSTD, zstd))


def _copy(out, distance, length):
    assert 0 < distance <= len(out)
    for _ in range(length):
        out.append(out[-distance])


def _unpack_snappy_block(data):
    at = size = shift = 0
    while True:
        size |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            break
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                width = length - 59
                length = int.from_bytes(data[at:at + width], 'little')
                at += width
            out += data[at:at + length + 1]
            at += length + 1
        elif tag & 3 == 1:
            _copy(out, (tag >> 5) << 8 | data[at], 4 + (tag >> 2 & 7))
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            _copy(out, int.from_bytes(data[at:at + width], 'little'), 1 + (tag >> 2))
            at += width
    assert len(out) == size
    return bytes(out)


def _unpack_snappy(data):
    if not data.startswith(_XERIAL):
        return _unpack_snappy_block(data)
    out, at = b'', len(XERIAL_HEADER)
    while at < len(data):
        (length,) = struct.unpack_from('>i', data, at)
        out += _unpack_snappy_block(data[at + 4:at + 4 + length])
        at += 4 + length
    return out


def _unpack_lz4_block(data):
    out, at = bytearray(), 0

    def length_of(nibble):
        nonlocal at
        length = nibble
        while nibble == 15:
            length += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return length

    while at < len(data):
        token = data[at]
        at += 1
        literals = length_of(token >> 4)
        out += data[at:at + literals]
        at += literals
        if at < len(data):
            (distance,) = struct.unpack_from('<H', data, at)
            at += 2
            _copy(out, distance, 4 + length_of(token & 15))
    return bytes(out)


def _unpack_lz4(data):
    assert data.startswith(_LZ4_MAGIC) and data[6] == xxh32(data[4:6]) >> 8 & 0xFF, 'a header with another checksum'
    assert data[4] == 0x60, 'not independent blocks without checksums'
    out, at = b'', 7
    while True:
        (word,) = struct.unpack_from('<I', data, at)
        length = word & 0x7FFFFFFF
        at += 4 + length
        if not word:
            assert at == len(data)
            return out
        out += data[at - length:at] if word >> 31 else _unpack_lz4_block(data[at - length:at])


def unpack(codec, data):
    """Of all codecs but zstd."""
    if codec == GZIP:
        return zlib.decompress(data, 31)
    return {0: bytes, SNAPPY: _unpack_snappy, LZ4: _unpack_lz4}[codec](data)
