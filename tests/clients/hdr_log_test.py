"""The latencies that `penstock bench` writes are read back by a reader of HdrHistogram's own family."""
import json
import subprocess
import sys

import setting  # first: it finds what follows
from cases import Cases
from clients import hdr_log_reader
from server import data_directory, running_server

cases = Cases()


@cases.case('produce')
@cases.case('consume')
def latencies(programs, command):
    """hdr-histogram-js finds in the log what was told of it, by penstock bench"""
    with running_server(programs) as server, data_directory() as directory:
        options = [f'--bootstrap={server.address()}', '--duration=300ms', '--window=100ms', '--json']
        if command == 'consume':
            subprocess.run([programs.penstock, 'bench', 'produce', *options], stdout=subprocess.DEVNULL, check=True)
        path = directory / 'latencies.hdr'
        run = subprocess.run([programs.penstock, 'bench', command, *options, f'--hdr-log={path}'],
                             stdout=subprocess.PIPE, check=True)
        told = json.loads(run.stdout)
        output = hdr_log_reader(setting.installed()).run([], 'read', str(path))
    intervals = [tuple(map(int, line.split('\t'))) for line in output.splitlines()]
    assert sum(count for count, _, _ in intervals) == told['operations'] > 0, (intervals, told)
    # Microseconds or nanoseconds, to three digits.
    largest = max(most for _, most, _ in intervals)
    assert any(abs(largest / unit - told['latency_us']['max']) <= told['latency_us']['max'] / 500 + 1
               for unit in (1, 1000)), (intervals, told)
    assert all(0 < median <= most for _, most, median in intervals)


if __name__ == '__main__':
    sys.exit(cases.main(setting.why_not()))
