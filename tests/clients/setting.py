"""Where the tests of this folder find what they use: the servers of tests/e2e, and the clients, installed at need."""
import functools
import os
import pathlib
import subprocess
import sys

_HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / 'e2e'))

from clients import all_clients  # noqa: E402, behind what finds it

_CLIENTS = all_clients(pathlib.Path(), '')
CLIENT_NAMES = tuple(client.name for client in _CLIENTS)
ADMINISTRATOR_NAMES = tuple(client.name for client in _CLIENTS if client.administers)
IDEMPOTENT_NAMES = tuple(client.name for client in _CLIENTS if client.idempotent)


@functools.cache
def _installation():
    return subprocess.run([_HERE / 'install'], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def why_not():
    """Why no client of npm's can be had here, if so: outside of continuous integration that is no failure."""
    run = _installation()
    if run.returncode == 0:
        return None
    if os.environ.get('CI') or 'npm ci' not in run.stderr:
        raise SystemExit(run.stderr)
    return 'npm does not bring the clients: ' + run.stderr.strip().splitlines()[-2]


def installed():
    """The folder of what tests/clients/install makes."""
    return pathlib.Path(_installation().stdout.strip())


def clients(programs):
    return all_clients(installed(), programs.librdkafka_client)
