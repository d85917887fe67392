"""Connections are cut after requests and before their answers: with an idempotent producer each record is stored once and in
order, for every client that has one."""
import concurrent.futures
import contextlib
import sys

import setting  # first: it finds what follows
import kafka_messages as kafka
from cases import Cases, note
from cutting_proxy import behind_cuts
from server import running_server
from stored import values_of

_COUNT = 1000
_CUT_RATIO = 0.1


class Trials:
    """All clients at once behind one proxy, each with a topic of its name."""

    def __init__(self, server, proxy, clients):
        self.server, self.proxy = server, proxy
        with server.connect() as connection:
            for client in clients:
                connection.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(client.name))
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            self.runs = {client.name: pool.submit(client.run, [], 'idempotent', proxy.address(), client.name, str(_COUNT))
                         for client in clients}


@contextlib.contextmanager
def trials(programs):
    clients = [client for client in setting.clients(programs) if client.idempotent]
    with running_server(programs) as server, behind_cuts(server, _CUT_RATIO) as proxy:
        yield Trials(server, proxy, clients)


cases = Cases(trials)


def once_and_in_order(started, name):
    """Each record is stored once and in order, though connections end before the answer, by"""
    started.runs[name].result()
    with started.server.connect() as connection:
        values = values_of(connection, name)
    cuts = started.proxy.cuts[name]
    note(f'{cuts} connections cut')
    assert values == [b'%d' % number for number in range(_COUNT)], f'{len(values)} of {_COUNT}'
    assert cuts >= 3, cuts


for client_name in setting.IDEMPOTENT_NAMES:
    cases.add(f'{once_and_in_order.__doc__} {client_name}', once_and_in_order, client_name)


if __name__ == '__main__':
    sys.exit(cases.main(setting.why_not()))
