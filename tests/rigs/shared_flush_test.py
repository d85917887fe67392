"""Does one file's fdatasync make other files' completed O_DIRECT writes durable? docs/shared_flush.md has the verdict.

The partitions of a reactor share one flush stream, which is right only if, on ext4 and XFS with barriers, a flush of
file A saves the writes to every file B whose blocks had been written before and whose size stays. So, on a real file
system over a disk that loses its cache: write to A and to many B, flush A alone, cut the power, mount what is left, read
B. The controls show that the disk really loses, and which files the rule does not hold for.
"""
import argparse
import collections
import contextlib
import mmap
import os
import random
import shutil
import sys
import threading
import time

import fault_disk

_BLOCK = 4096
_FILE_BLOCKS = 64
_B_COUNT = 6  # files besides A
_WRITES_PER_FILE = 6  # each of one block, at blocks of its own

FileSystem = collections.namedtuple('FileSystem', 'name image_bytes mkfs mount_options')
_FILE_SYSTEMS = (
    # A commit of the journal's own accord would flush too: not while a round lasts.
    FileSystem('ext4', 64 << 20, ('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'),
               ('commit=300',)),
    FileSystem('xfs', 320 << 20, ('mkfs.xfs', '-q', '-f'), ('nouuid',)),
)

# files: how the B files were made. flush: whose fdatasync is called; 'each, A': B's own, then all is written again and
# only A's follows. fate: what becomes of the last writes to B: 'safe' (all there, in every round), 'lost' (none there, in
# any round) or 'unsafe' (some missing, in some round: nothing to rely on). only: the file system, if the case is of one.
Case = collections.namedtuple('Case', 'name files flush fate write_a busy options only',
                              defaults=(True, False, (), None))
_CASES = (
    Case('written blocks, flush of A', 'written', 'A', 'safe'),
    Case('the same, journal busy', 'written', 'A', 'safe', busy=True),
    Case('the same, A itself not written', 'written', 'A', 'safe', write_a=False),
    Case('unwritten, flush of each; again, flush of A', 'fresh', 'each, A', 'safe'),
    Case('unwritten extents, flush of A', 'fresh', 'A', 'unsafe'),
    Case('unwritten extents, flush of each', 'fresh', 'each', 'safe'),
    Case('past the end, flush of A', 'short', 'A', 'unsafe'),
    Case('past the end, flush of each', 'short', 'each', 'safe'),
    Case('shared extents, flush of A', 'shared', 'A', 'unsafe', only='xfs'),
    Case('shared extents, flush of each', 'shared', 'each', 'safe', only='xfs'),
    Case('written blocks, flush of A, no barriers', 'written', 'A', 'lost', options=('barrier=0',), only='ext4'),
    Case('written blocks, no flush', 'written', None, 'lost'),
)


def block_of(text):
    """A block full of `text`, so that a torn one shows."""
    line = text.encode().ljust(64, b'.')
    return line * (_BLOCK // len(line))


def old_block(block):
    return block_of(f'old {block}')


def make_file(path, blocks):
    with open(path, 'wb') as file:
        for block in range(blocks):
            file.write(old_block(block))
        file.flush()
        os.fsync(file.fileno())


def make_base_image(file_system, image, mount_point):
    """A clean file system with A and the B files of every kind, all of it durable."""
    with open(image, 'wb') as file:
        file.truncate(file_system.image_bytes)
    fault_disk.run(*file_system.mkfs, image)
    with fault_disk.mounted_image(image, mount_point, file_system.mount_options) as root:
        make_file(root / 'A', _FILE_BLOCKS)
        make_file(root / 'origin', _FILE_BLOCKS)
        for number in range(_B_COUNT):
            make_file(root / f'written{number}', _FILE_BLOCKS)
            make_file(root / f'short{number}', 1)
            with open(root / f'fresh{number}', 'wb') as file:
                os.posix_fallocate(file.fileno(), 0, _FILE_BLOCKS * _BLOCK)
                os.fsync(file.fileno())
            if file_system.name == 'xfs':
                fault_disk.run('cp', '--reflink=always', root / 'origin', root / f'shared{number}')
        os.sync()


class DirectFile:
    """A file open with O_DIRECT; each write has completed when it returns."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDWR | os.O_DIRECT)
        self.aligned = mmap.mmap(-1, _BLOCK)

    def write_block(self, block, content):
        self.aligned[:] = content
        if os.pwrite(self.descriptor, self.aligned, block * _BLOCK) != _BLOCK:
            raise RuntimeError('short write')

    def flush(self):
        os.fdatasync(self.descriptor)

    def close(self):
        os.close(self.descriptor)


def keep_journal_busy(root, stop):
    """Creates, flushes and removes files until told to stop or until the disk is cut."""
    number = 0
    with contextlib.suppress(OSError):
        while not stop.is_set():
            number += 1
            with open(root / f'busy{number % 8}', 'wb') as file:
                file.write(b'x' * 5000)
                file.flush()
                os.fsync(file.fileno())
            os.rename(root / f'busy{number % 8}', root / f'done{number % 8}')
            if number % 3 == 0:
                os.remove(root / f'done{number % 8}')


def choose_blocks(case, chance):
    """The (file, block)s that a round writes, in order; past the end they are in order, so that no hole is left."""
    names = [f'{case.files}{number}' for number in range(_B_COUNT)]
    if case.files == 'short':
        return [(name, block) for name in names for block in range(1, 1 + _WRITES_PER_FILE)]
    chosen = [(name, block) for name in names for block in chance.sample(range(_FILE_BLOCKS), _WRITES_PER_FILE)]
    chance.shuffle(chosen)
    return chosen


def write_and_flush(case, root, chance):
    """Does what the case says; answers what was written last, as {(file, block): content}."""
    chosen = choose_blocks(case, chance)
    with contextlib.ExitStack() as stack:
        files = {}
        for name in ['A', *sorted({name for name, _ in chosen})]:
            files[name] = DirectFile(root / name)
            stack.callback(files[name].close)
        a = files.pop('A')

        for flush in case.flush.split(', ') if case.flush else [None]:
            written = {}
            for name, block in chosen:
                written[name, block] = block_of(f'new {name} {block} {chance.random()}')
                files[name].write_block(block, written[name, block])
            if case.write_a:
                a.write_block(chance.randrange(_FILE_BLOCKS), block_of('new A'))
            if flush == 'A':
                a.flush()
            elif flush == 'each':
                for file in files.values():
                    file.flush()
        return written


def run_round(case, file_system, base_image, fault_fs, scratch, seed):
    """One power cut. Answers how many written blocks were found new, and how many there were."""
    chance = random.Random(seed)
    guest = scratch / 'guest'
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(fault_disk.fault_disk(fault_fs, scratch))
        backing_image = disk.backing / 'image'
        stack.callback(backing_image.unlink)
        fault_disk.run('cp', '--sparse=always', base_image, backing_image)
        with fault_disk.mounted_image(disk.directory / 'image', guest, (*file_system.mount_options, *case.options)):
            stop = threading.Event()
            busy = threading.Thread(target=keep_journal_busy, args=(guest, stop))
            if case.busy:
                busy.start()
                time.sleep(chance.uniform(0, 0.03))
            try:
                written = write_and_flush(case, guest, chance)
                # Losing all is the harder test of what must be lost; what must be safe is also safe from a mixture.
                disk.command('cut lose' if case.fate != 'safe' or seed % 2 == 0 else f'cut mix {seed}')
            finally:
                stop.set()
                if case.busy:
                    busy.join()
        with fault_disk.mounted_image(backing_image, guest, file_system.mount_options) as root:
            found = 0
            for (name, block), content in written.items():
                with open(root / name, 'rb') as file:
                    file.seek(block * _BLOCK)
                    found += file.read(_BLOCK) == content
    return found, len(written)


def run_case(case, file_system, base_image, fault_fs, scratch, rounds, seed):
    """Prints the case's row; answers whether it went as it must."""
    found = total = rounds_whole = rounds_empty = 0
    for number in range(rounds):
        found_now, total_now = run_round(case, file_system, base_image, fault_fs, scratch, seed + number)
        found += found_now
        total += total_now
        rounds_whole += found_now == total_now
        rounds_empty += found_now == 0
    right = {'safe': rounds_whole == rounds, 'lost': rounds_empty == rounds, 'unsafe': rounds_whole < rounds}[case.fate]
    print(f'{file_system.name:5}{case.name:44} {case.fate:7} {found:6} of {total:6} blocks there; of {rounds} cuts'
          f' {rounds_whole} lost none, {rounds_empty} all{"" if right else "   <-- WRONG"}', flush=True)
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--fault-fs', required=True, help='the fault_fs program')
    parser.add_argument('--rounds', type=int, default=100 if os.environ.get('PENSTOCK_TEST_FULL') == '1' else 4)
    parser.add_argument('--seed', type=int, default=None)
    parser.add_argument('--only', choices=[file_system.name for file_system in _FILE_SYSTEMS])
    parser.add_argument('--case', default='', help='only the cases whose name has this in it')
    options = parser.parse_args()
    fault_disk.enter_own_namespace(needs_loop=True)
    file_systems = [file_system for file_system in _FILE_SYSTEMS if options.only in (None, file_system.name)]
    for file_system in file_systems:
        if shutil.which(file_system.mkfs[0]) is None:
            fault_disk.skip(f'there is no {file_system.mkfs[0]}')

    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f'seed {seed}, {options.rounds} rounds of each case', flush=True)
    right = True
    for file_system in file_systems:
        with fault_disk.scratch_directory() as scratch:
            base_image = scratch / 'base'
            try:
                make_base_image(file_system, base_image, scratch / 'guest')
            except RuntimeError as problem:
                fault_disk.skip(f'no {file_system.name} on a loop device here: {problem}')
            for case in _CASES:
                if case.only in (None, file_system.name) and options.case in case.name:
                    right &= run_case(case, file_system, base_image, options.fault_fs, scratch, options.rounds, seed)
    return 0 if right else 1


if __name__ == '__main__':
    sys.exit(main())
