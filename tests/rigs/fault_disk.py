"""Mounts for the rigs: fault_fs over a directory, and a real file system on a loop device over a file in it.

A rig runs in a mount namespace of its own (enter_own_namespace), its loop devices detach themselves and fault_fs ends
with its parent: so even a rig that is killed leaves no mount and no loop device behind.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77  # the exit status by which meson knows a test that could not run here

_IN_NAMESPACE = 'PENSTOCK_RIG_NAMESPACE'


def skip(reason):
    print(f'skipped: {reason}')
    sys.exit(SKIPPED)


def enter_own_namespace(needs_loop=False):
    """Starts this program again in its own mount namespace, or skips it where the machine does not let us."""
    if os.environ.get(_IN_NAMESPACE) != '1':
        if os.geteuid() != 0:
            skip('mounting takes root')
        if not os.access('/dev/fuse', os.R_OK | os.W_OK):
            skip('there is no /dev/fuse')
        if needs_loop and not os.path.exists('/dev/loop-control'):
            skip('there are no loop devices')
        unshare = ['unshare', '--mount', '--propagation', 'private']
        if subprocess.run([*unshare, 'true'], capture_output=True, check=False).returncode != 0:
            skip('this machine gives no mount namespace')
        os.environ[_IN_NAMESPACE] = '1'
        os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
    # A test that meson ends for its time unwinds like any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by SIGTERM'))


def run(*command):
    """Runs a system tool; its whole output is in the exception if it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'{" ".join(map(str, command))}: {done.stdout}{done.stderr}'.strip())


@contextlib.contextmanager
def scratch_directory():
    directory = pathlib.Path(tempfile.mkdtemp(prefix='penstock-rig-'))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def is_mounted(mount_point):
    """From the kernel's table: a mount whose disk answers nothing but EIO does not look like one from outside."""
    with open('/proc/self/mounts', encoding='utf-8') as table:
        return any(line.split(' ')[1] == str(mount_point) for line in table)


def unmount(mount_point):
    for _ in range(50):
        if not is_mounted(mount_point):
            return
        if subprocess.run(['umount', str(mount_point)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.02)
    subprocess.run(['umount', '--lazy', str(mount_point)], capture_output=True, check=False)


class FaultDisk:
    """A mounted fault_fs. `directory` is the mount, `backing` what really lies beneath it."""

    def __init__(self, directory, backing):
        self.directory = directory
        self.backing = backing

    def command(self, text):
        """One command to fault_fs (its head lists them); OSError if it is refused."""
        control = os.open(self.directory / '.fault_control', os.O_WRONLY)
        try:
            os.write(control, text.encode())
        finally:
            os.close(control)

    def counts(self):
        text = (self.directory / '.fault_control').read_bytes().decode()
        return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


@contextlib.contextmanager
def fault_disk(program, scratch):
    """Mounts fault_fs in `scratch`, a directory of the caller's."""
    mount, backing = scratch / 'disk', scratch / 'backing'
    mount.mkdir(exist_ok=True)
    backing.mkdir(exist_ok=True)
    process = subprocess.Popen([str(program), str(backing), str(mount)])
    try:
        while not is_mounted(mount):
            if process.poll() is not None:
                raise RuntimeError(f'fault_fs ended with status {process.returncode}')
            time.sleep(0.005)
        yield FaultDisk(mount, backing)
    finally:
        unmount(mount)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def mounted_image(image, mount_point, options=()):
    """Mounts the file system in the file `image` through a loop device that detaches itself."""
    mount_point.mkdir(exist_ok=True)
    run('mount', '-o', ','.join(['loop', *options]), image, mount_point)
    try:
        yield mount_point
    finally:
        unmount(mount_point)
