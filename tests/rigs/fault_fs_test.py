"""fault_fs does what it is told: the rigs that stand on it prove something only if it really loses and really fails."""
import argparse
import contextlib
import errno
import os
import sys
import unittest

import fault_disk

_BLOCK = 4096


class FaultFs(unittest.TestCase):
    program = None

    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        scratch = stack.enter_context(fault_disk.scratch_directory())
        self.disk = stack.enter_context(fault_disk.fault_disk(self.program, scratch))
        self.file = os.open(self.disk.directory / 'data', os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, self.file)

    def backing_bytes(self, name='data'):
        return (self.disk.backing / name).read_bytes()

    def write_flushed(self, bytes_):
        os.pwrite(self.file, bytes_, 0)
        os.fdatasync(self.file)

    def assert_fails(self, error_number, function, *arguments):
        with self.assertRaises(OSError) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.errno, error_number)

    def test_a_cut_that_loses_keeps_what_was_flushed_and_undoes_the_rest(self):
        self.write_flushed(b'a' * 3 * _BLOCK)
        os.pwrite(self.file, b'b' * _BLOCK, _BLOCK)
        os.pwrite(self.file, b'c' * _BLOCK, _BLOCK)  # the second write of a block undoes to before the first
        os.pwrite(self.file, b'd' * 100, 5 * _BLOCK)
        self.assertEqual(os.pread(self.file, 1, _BLOCK), b'c')
        self.assertEqual(self.disk.counts()['unflushed_blocks'], 2)
        self.disk.command('cut lose')
        self.assertEqual(self.backing_bytes(), b'a' * 3 * _BLOCK)

    def test_a_cut_that_keeps_undoes_nothing(self):
        self.write_flushed(b'a' * _BLOCK)
        os.pwrite(self.file, b'b' * _BLOCK, 0)
        self.disk.command('cut keep')
        self.assertEqual(self.backing_bytes(), b'b' * _BLOCK)

    def test_a_flush_covers_only_its_own_file(self):
        self.write_flushed(b'a' * _BLOCK)
        os.pwrite(self.file, b'b' * _BLOCK, 0)
        with open(self.disk.directory / 'other', 'wb') as other:
            other.write(b'o' * _BLOCK)
            other.flush()
            os.fsync(other.fileno())
            self.disk.command('cut lose')
        self.assertEqual(self.backing_bytes(), b'a' * _BLOCK)
        self.assertEqual(self.backing_bytes('other'), b'o' * _BLOCK)

    def test_a_mixed_cut_keeps_loses_and_tears_the_same_blocks_for_the_same_seed(self):
        images = []
        for _ in range(2):
            self.disk.command('thaw')
            self.write_flushed(b'a' * 60 * _BLOCK)
            os.pwrite(self.file, b'b' * 60 * _BLOCK, 0)
            self.disk.command('cut mix 7')
            images.append(self.backing_bytes())
        self.assertEqual(images[0], images[1])
        blocks = [images[0][at:at + _BLOCK] for at in range(0, len(images[0]), _BLOCK)]
        kinds = {'kept': 0, 'lost': 0, 'torn': 0}
        for block in blocks:
            sectors = {block[at:at + 512] for at in range(0, _BLOCK, 512)}
            self.assertLessEqual(sectors, {b'a' * 512, b'b' * 512})
            kinds['torn' if len(sectors) == 2 else 'kept' if b'b' * 512 in sectors else 'lost'] += 1
        self.assertGreater(min(kinds.values()), 5, kinds)

    def test_a_truncation_is_undone(self):
        self.write_flushed(b'a' * 2 * _BLOCK)
        os.ftruncate(self.file, 10)
        self.disk.command('cut lose')
        self.assertEqual(self.backing_bytes(), b'a' * 2 * _BLOCK)

    def test_after_a_cut_all_fails_until_it_thaws(self):
        self.write_flushed(b'a' * _BLOCK)
        self.disk.command('cut lose')
        self.assert_fails(errno.EIO, os.pwrite, self.file, b'b', 0)
        self.assert_fails(errno.EIO, os.pread, self.file, 1, 0)
        self.assert_fails(errno.EIO, os.fdatasync, self.file)
        self.assert_fails(errno.EIO, os.open, self.disk.directory / 'data', os.O_RDONLY)
        self.disk.command('thaw')
        self.assertEqual(os.pread(self.file, 1, 0), b'a')

    def test_the_nth_operation_fails_once(self):
        self.disk.command('fail write 2')
        os.pwrite(self.file, b'1', 0)
        self.assert_fails(errno.EIO, os.pwrite, self.file, b'2', 0)
        os.pwrite(self.file, b'3', 0)
        self.disk.command('fail read 1')
        self.assert_fails(errno.EIO, os.pread, self.file, 1, 0)
        self.assertEqual(os.pread(self.file, 1, 0), b'3')

    def test_no_later_flush_brings_back_what_a_failed_one_lost(self):
        self.write_flushed(b'a' * 2 * _BLOCK)
        os.pwrite(self.file, b'b' * _BLOCK, 0)
        self.disk.command('fail flush 1')
        self.assert_fails(errno.EIO, os.fdatasync, self.file)
        os.pwrite(self.file, b'c' * _BLOCK, _BLOCK)
        os.fdatasync(self.file)
        self.disk.command('cut lose')
        self.assertEqual(self.backing_bytes(), b'a' * _BLOCK + b'c' * _BLOCK)

    def test_a_full_disk_overwrites_but_does_not_grow(self):
        self.write_flushed(b'a' * _BLOCK)
        self.disk.command('full on')
        os.pwrite(self.file, b'b', 0)
        self.assert_fails(errno.ENOSPC, os.pwrite, self.file, b'b', _BLOCK)
        self.assert_fails(errno.ENOSPC, os.posix_fallocate, self.file, 0, 4 * _BLOCK)
        self.assert_fails(errno.ENOSPC, os.open, self.disk.directory / 'new', os.O_RDWR | os.O_CREAT)
        self.disk.command('full off')
        os.posix_fallocate(self.file, 0, 4 * _BLOCK)

    def test_a_flipped_bit_is_flipped(self):
        self.write_flushed(b'\x00' * _BLOCK)
        self.disk.command('flip data 17 3')
        self.assertEqual(os.pread(self.file, 3, 16), b'\x00\x08\x00')

    def test_a_command_that_makes_no_sense_is_refused(self):
        for text in ('', 'cut', 'cut half', 'fail write', 'fail write 0', 'fail dance 1', 'full', 'flip data 0 8', 'x'):
            self.assert_fails(errno.EINVAL, self.disk.command, text or ' ')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--fault-fs', required=True, help='the fault_fs program')
    options, rest = parser.parse_known_args()
    fault_disk.enter_own_namespace()
    FaultFs.program = options.fault_fs
    unittest.main(argv=[sys.argv[0], *rest])
