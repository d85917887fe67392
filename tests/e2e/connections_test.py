"""Many connections: what an idle one costs, how they spread over reactors, and what slow clients can hold.

Alone, with a number: measures that many idle connections, as `connections_test.py --penstock build/tools/penstock 10000`.
"""
import contextlib
import resource
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from metrics_test import a_server, scrape

cases = Cases()

_IDLE_BYTES_MAX = 4096  # of the server's own memory; the kernel's is not in it


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def open_idle(server, count, stack):
    """Connections that have asked something once, and nothing since."""
    opened = []
    for _ in range(count):
        connection = stack.enter_context(server.connect(timeout=60))
        connection.call(kafka.API_VERSIONS, 0, {})
        opened.append(connection)
    return opened


def measure_idle(server, count):
    """What each of `count` idle connections adds to the server's resident memory, in bytes."""
    with contextlib.ExitStack() as warm_up:
        open_idle(server, 50, warm_up)
    wait_for_connections(server, 0)
    before = server.resident_bytes()
    with contextlib.ExitStack() as stack:
        open_idle(server, count, stack)
        wait_for_connections(server, count)
        time.sleep(0.2)
        each = (server.resident_bytes() - before) / count
        page = scrape(server)
        spread = [page.get('penstock_connections', reactor=str(index)) for index in range(server.reactors)]
    note(f'{count} idle connections: {each:.0f} bytes each; on the reactors {[int(part) for part in spread]}')
    return each, spread


def wait_for_connections(server, count):
    deadline = time.monotonic() + 20
    while scrape(server).total('penstock_connections') != count:
        assert time.monotonic() < deadline, scrape(server).total('penstock_connections')
        time.sleep(0.02)


@cases.case('uring')
@cases.case('threads')
def idle_ones_are_cheap(programs, io):
    """A thousand idle connections spread over the reactors and cost little memory, on"""
    raise_descriptor_limit()
    with a_server(programs, io) as server:
        each, spread = measure_idle(server, 1000)
        # By the hash of their addresses: this far from the half they are once in a billion runs.
        assert min(spread) > 400, spread
        if not programs.sanitized:
            assert each <= _IDLE_BYTES_MAX, f'{each} bytes'


def main():
    if sys.argv[-1].isdigit():
        from server import Programs
        count = int(sys.argv.pop())
        raise_descriptor_limit()
        with a_server(Programs(), options=['--memory=16MiB']) as server:
            measure_idle(server, count)
        return
    cases.main()


if __name__ == '__main__':
    sys.exit(main())
