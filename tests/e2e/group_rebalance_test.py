"""How long a large group takes for a rebalance beyond what its members are configured to wait: fifty, over 500 partitions."""
import sys
import time

import kafka_messages as kafka
from cases import Cases, note
from group_members import ClassicMember, ConsumerMember, drive, heartbeat_options, settled
from server import running_server

cases = Cases()

_MEMBERS, _PARTITIONS = 50, 500
_HEARTBEAT_S = 0.2


@cases.case('classic', 'uring')
@cases.case('classic', 'threads')
@cases.case('consumer', 'uring')
def one_leaves(programs, protocol, io):
    """After one of 50 members leaves, the others have their new share of 500 partitions within a second, protocol and backend:"""
    make = {'classic': ClassicMember, 'consumer': ConsumerMember}[protocol]
    options = ['--group.initial.rebalance.delay.ms=500', *heartbeat_options(_HEARTBEAT_S)]
    with running_server(programs, io=io, options=options) as server:
        with server.connect() as admin:
            admin.call(kafka.CREATE_TOPICS, 4, kafka.create_topics('topic', partitions=_PARTITIONS))
        members = [make(server, 'large', 'topic', _PARTITIONS, _HEARTBEAT_S) for _ in range(_MEMBERS)]
        drive(members, lambda: settled(members, _PARTITIONS))
        beyond = []
        for _ in range(5):
            generation = members[0].generation
            leaver = members.pop()
            began = time.monotonic()
            leaver.leave()
            drive(members, lambda generation=generation: settled(members, _PARTITIONS, generation))
            leaver.connection.close()
            beyond.append(max(member.assigned_at for member in members) - began - _HEARTBEAT_S)
        note(f'beyond the {_HEARTBEAT_S} s in which all members ask: ' +
             ', '.join(f'{seconds * 1000:.0f} ms' for seconds in beyond))
        assert max(beyond) < (5 if programs.sanitized else 1), beyond


if __name__ == '__main__':
    sys.exit(cases.main())
