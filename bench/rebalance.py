#!/usr/bin/python3
"""How long does a large group take to share anew what a member that leaves has had? Budget: 1 s beyond the heartbeat interval.

    bench/rebalance.py --penstock=build/tools/penstock --data-dir=/disk/to/measure

One server, one topic, and one group after the other: `classic` and `consumer` (KIP-848) are members of our own that speak
the protocol and nothing else, driven by one loop; `librdkafka` are whole consumers of confluent-kafka, each with its threads,
by the classic protocol. In each round the oldest member, the leader of a classic group, leaves when the group is settled;
measured is from its leave until all others have been told their partitions, and each partition is one's. Then another
comes, and the group settles.

A member learns of a rebalance by its next heartbeat, so at most an interval later. `beyond_ms` is what comes after that: from
when the last of them sent that heartbeat, or, since librdkafka does not tell, from when the last of its consumers was told
that its partitions are revoked. One JSON object is printed.
"""
import argparse
import contextlib
import json
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'tests' / 'e2e'))
import kafka_messages as kafka
from group_members import ClassicMember, ConsumerMember, drive, heartbeat_options, settled
from server import running_server

_TOPIC = 'shared'


class OwnMembers:
    """A group of members of our own."""

    def __init__(self, server, options, name, make):
        self.options, self.heartbeat_s = options, options.heartbeat_ms / 1000
        self.make = lambda: make(server, name, _TOPIC, options.partitions, self.heartbeat_s)
        self.members = []

    def grow(self):
        generation = max((member.generation for member in self.members), default=-1)
        self.members += [self.make() for _ in range(self.options.members - len(self.members))]
        drive(self.members, lambda: settled(self.members, self.options.partitions, generation))

    def pause(self, seconds):
        until = time.monotonic() + seconds
        drive(self.members, lambda: time.monotonic() >= until)

    def one_leaves(self):
        """The seconds that it took, and of these, those beyond the members' own delay."""
        generation, leaver = self.members[0].generation, self.members.pop(0)
        began = time.monotonic()
        leaver.leave()
        drive(self.members, lambda: settled(self.members, self.options.partitions, generation))
        leaver.connection.close()
        assigned_at = max(member.assigned_at for member in self.members)
        return assigned_at - began, assigned_at - max(member.asked_at for member in self.members)

    def close(self):
        for member in self.members:
            member.connection.close()


class LibrdkafkaMember:
    """A consumer that reads on in a thread of its own."""

    def __init__(self, group):
        from confluent_kafka import Consumer
        self.group, self.partitions = group, None
        self.assigned_at = self.revoked_at = self.leaves_at = None  # when it was told the last time, and began to close
        self.ended = threading.Event()
        self.consumer = Consumer({
            'bootstrap.servers': group.server.address(), 'group.id': group.name, 'enable.auto.commit': False,
            'heartbeat.interval.ms': group.options.heartbeat_ms, 'session.timeout.ms': 30_000,
            'auto.offset.reset': 'earliest', 'partition.assignment.strategy': 'range'})
        self.consumer.subscribe([_TOPIC], on_assign=self.assigned, on_revoke=self.revoked)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            self.consumer.poll(0.1)
        self.leaves_at = time.monotonic()
        self.consumer.close()

    def assigned(self, consumer, partitions):
        consumer.assign(partitions)
        with self.group.changed:
            self.partitions, self.assigned_at = frozenset(one.partition for one in partitions), time.monotonic()
            self.group.changed.notify_all()

    def revoked(self, consumer, _):
        consumer.unassign()
        with self.group.changed:
            self.partitions, self.revoked_at = None, time.monotonic()


class LibrdkafkaMembers:
    """A group of consumers of confluent-kafka."""

    def __init__(self, server, options, name):
        self.server, self.options, self.name = server, options, name
        self.members, self.changed = [], threading.Condition()

    def covered(self):
        given = [index for member in self.members for index in member.partitions or ()]
        return (all(member.partitions is not None for member in self.members)
                and len(given) == self.options.partitions and set(given) == set(range(self.options.partitions)))

    def wait_covered(self):
        with self.changed:
            assert self.changed.wait_for(self.covered, timeout=60), 'not within 60 s'

    def grow(self):
        self.members += [LibrdkafkaMember(self) for _ in range(self.options.members - len(self.members))]
        self.wait_covered()

    def pause(self, seconds):
        time.sleep(seconds)

    def one_leaves(self):
        leaver = self.members.pop(0)
        leaver.ended.set()
        leaver.thread.join()
        self.wait_covered()
        assigned_at = max(member.assigned_at for member in self.members)
        return assigned_at - leaver.leaves_at, assigned_at - max(member.revoked_at for member in self.members)

    def close(self):
        for member in self.members:
            member.ended.set()
        for member in self.members:  # all at once: each that leaves makes those that stay join again
            member.thread.join()


_KINDS = {
    'classic': lambda server, options, name: OwnMembers(server, options, name, ClassicMember),
    'consumer': lambda server, options, name: OwnMembers(server, options, name, ConsumerMember),
    'librdkafka': LibrdkafkaMembers,
}


def measure(server, options, kind, chance):
    rounds = []
    with contextlib.closing(_KINDS[kind](server, options, kind)) as group:
        for _ in range(options.rounds):
            group.grow()
            # Who beats when is not to hang on when the last rebalance was.
            group.pause(options.heartbeat_ms / 1000 * (1 + chance.random()))
            cpu_s = server.cpu_seconds()
            took_s, beyond_s = group.one_leaves()
            rounds.append({'took_ms': round(took_s * 1000, 1), 'beyond_ms': round(beyond_s * 1000, 1),
                           'server_cpu_ms': round((server.cpu_seconds() - cpu_s) * 1000)})
    figures = {f'{name}_{what}': round(of(each[name] for each in rounds), 1) for name in ('took_ms', 'beyond_ms')
               for what, of in (('median', statistics.median), ('worst', max))}
    print(f'{kind}: {options.members} members, {options.partitions} partitions, heartbeats every {options.heartbeat_ms} ms: '
          f'{figures["took_ms_median"]} ms in the middle, {figures["took_ms_worst"]} at worst; beyond the heartbeats '
          f'{figures["beyond_ms_median"]} and {figures["beyond_ms_worst"]}', file=sys.stderr)
    return {**figures, 'rounds': rounds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--penstock', type=pathlib.Path, required=True, help='the program')
    parser.add_argument('--data-dir', required=True, help='a directory is made in it, and removed')
    parser.add_argument('--members', type=int, default=50)
    parser.add_argument('--partitions', type=int, default=500)
    parser.add_argument('--rounds', type=int, default=11)
    parser.add_argument('--heartbeat-ms', type=int, default=200, help='how often each member beats')
    parser.add_argument('--kinds', default='classic,consumer,librdkafka')
    parser.add_argument('--reactors', type=int, default=2)
    parser.add_argument('--seed', type=int, default=1, help='of the moments at which members leave')
    parser.add_argument('serve', nargs='*', help='more options of penstock serve, behind --')
    options = parser.parse_args()
    serve = ['--group.initial.rebalance.delay.ms=500', *heartbeat_options(options.heartbeat_ms / 1000), *options.serve]
    with tempfile.TemporaryDirectory(prefix='penstock-rebalance-', dir=options.data_dir) as directory, \
            running_server(options, directory, reactors=options.reactors, options=serve) as server:
        with server.connect() as admin:
            admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics(_TOPIC, partitions=options.partitions))
        chance = random.Random(options.seed)
        results = {kind: measure(server, options, kind, chance) for kind in options.kinds.split(',')}
    print(json.dumps({'members': options.members, 'partitions': options.partitions, 'heartbeat_ms': options.heartbeat_ms,
                      **results}))


if __name__ == '__main__':
    main()
