"""Clients come by any of several listeners, IPv6 among them, and are told to connect to where they came by, or to what is
advertised."""
import json
import socket
import subprocess
import sys

from cases import Cases
from server import free_port, running_server

cases = Cases()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(('::1', 0))
        return True
    except OSError:
        return False


def kcat(address, *arguments, send=b''):
    return subprocess.run(['kcat', '-q', '-b', address, *arguments], input=send, stdout=subprocess.PIPE, timeout=60,
                          check=True).stdout


def brokers(address):
    """What a client that comes by `address` is told to connect to."""
    return [broker['name'] for broker in json.loads(kcat(address, '-L', '-J'))['brokers']]


@cases.case()
def two_listeners(programs):
    """What is produced by way of 127.0.0.1 is consumed by way of [::1], and back"""
    port, lock = free_port()
    with lock, running_server(programs, options=[f'--kafka-listen=[::1]:{port}']) as server:
        by_ipv4, by_ipv6 = server.address(), f'[::1]:{port}'
        kcat(by_ipv4, '-P', '-t', 'topic', send=b'one\n')
        kcat(by_ipv6, '-P', '-t', 'topic', send=b'two\n')
        for address in (by_ipv4, by_ipv6):
            assert brokers(address) == [address.replace('[', '').replace(']', '')], brokers(address)
            assert kcat(address, '-C', '-e', '-t', 'topic', '-p', '0') == b'one\ntwo\n'
        ran = subprocess.run([programs.penstock, 'topic', 'describe', '--json', f'--bootstrap={by_ipv6}'],
                             stdout=subprocess.PIPE, timeout=60, check=True)
        assert [row['end'] for row in json.loads(ran.stdout)] == [2]


@cases.case()
def advertised(programs):
    """What is advertised is what clients are told"""
    with running_server(programs, options=['--advertise=broker.example:9999']) as server:
        assert brokers(server.address()) == ['broker.example:9999']


if __name__ == '__main__':
    sys.exit(cases.main(None if has_ipv6() else 'this machine has no IPv6 loopback'))
