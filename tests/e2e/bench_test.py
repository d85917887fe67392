"""Every bench runs, says what it found in the form it promises, and finds out when it read back something else."""
import json
import shutil
import subprocess

from cases import Cases, note
from server import data_directory

cases = Cases()

_LATENCIES = {'p50', 'p99', 'p999', 'max'}


def run_bench(programs, *arguments):
    """Its exit status, its standard output, and what it complained about."""
    run = subprocess.run([programs.penstock, 'bench', *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=100, check=False)
    if run.returncode:
        note(run.stderr)
    return run.returncode, run.stdout, run.stderr


def result_of(programs, *arguments):
    status, output, complaint = run_bench(programs, *arguments, '--json')
    assert status == 0, complaint
    result = json.loads(output)
    assert result['command'] == arguments[0]
    for name in ('ratio', 'bytes_per_second', 'reference_bytes_per_second', 'cpu_fraction'):
        assert name in result, name
    assert set(result['latency_us']) == _LATENCIES
    latencies = result['latency_us']
    assert latencies['p50'] <= latencies['p99'] <= latencies['p999'] <= latencies['max']
    assert latencies['p50'] > 0 or arguments[0] == 'memory'
    assert result['operations'] > 0 and result['seconds'] > 0
    return result


def small(directory, *more):
    """Options of a run that is over soon and means nothing; of one given twice the last counts."""
    options = {}
    for option in (f'--data-dir={directory}/bench', '--duration=200ms', '--window=100ms', '--memory=32MiB',
                   '--batch-bytes=16KiB', '--queue-depth=4', *more):
        options[option.partition('=')[0]] = option
    return [*options.values()]


def append(directory, *more):
    return ['append', *small(directory, '--disk-bytes=64MiB', '--reference-bytes=8MiB', *more)]


def read(directory, *more):
    return ['read', *small(directory, '--log-bytes=64MiB', '--read-bytes=64KiB', *more)]


@cases.case()
@cases.case('--copy')
@cases.case('--kafka')
@cases.case('--kafka', '--copy')
@cases.case('--fresh')
@cases.case('--partitions=20')
@cases.case('--durability=written')
@cases.case('--reactors=2', '--partitions=4')
@cases.case('--io=threads')
@cases.case('--poll=spin')
def append_runs(programs, *options):
    """An append bench runs and reads back what it appended,"""
    with data_directory() as directory:
        result = result_of(programs, *append(directory, *options))
        assert result['bytes_per_second'] > 0 and result['ratio'] is None
        assert 0 < result['verified_bytes'] <= result['appended_bytes'], result
        assert '--partitions=20' not in options or result['appends_under_way'] == 4 * 20
        assert result['working_set_bytes'] >= (64 << 20 if {'--copy', '--kafka'} & {*options} else 0)
        if '--copy' in options:
            assert 'filling_fraction' not in result, result
        else:  # in place: a part of what the process did
            assert 0 < result['filling_fraction'] < result['cpu_fraction'], result
        assert not (directory / 'bench').exists()


@cases.case('fio')
@cases.case('fio', '--fresh')
@cases.case('dsync', '--queue-depth=1', '--batch-bytes=4024')
@cases.case('one-partition', '--partitions=20')
def append_against(programs, against, *options):
    """An append bench takes turns with"""
    if against == 'fio' and not shutil.which('fio'):
        note('fio is not installed')
        return
    with data_directory() as directory:
        result = result_of(programs, *append(directory, f'--against={against}', *options))
        assert result['ratio'] > 0 and result['reference_bytes_per_second'] > 0, result
        assert len(result['rounds']) == 1
        assert not result['valid'] and 'rounds' in result['invalid_because'][0]  # one is too few
        assert against != 'fio' or result['reference_command'].startswith('fio '), result
        assert result['verified_bytes'] > 0


@cases.case('append')
@cases.case('append', '--durability=written', '--against=dsync', '--queue-depth=1', '--batch-bytes=4024')
@cases.case('append', '--against=fio')
@cases.case('read')
def bare_loop_beside(programs, command, *options):
    """Each round has a window of a loop without an engine, and what it wrote or read is what it was, with"""
    if '--against=fio' in options and not shutil.which('fio'):
        note('fio is not installed')
        return
    with data_directory() as directory:
        against = append if command == 'append' else read
        result = result_of(programs, *against(directory, '--bare-loop', *options))
        assert result['bare_loop_bytes_per_second'] > 0 and 0 < result['bare_loop_cpu_fraction'] <= 2, result
        assert result['ratio_to_bare_loop'] > 0 and result['cpu_ratio_to_bare_loop'] > 0, result
        assert ('bare_loop_to_reference' in result) == (result['ratio'] is not None), result
        wanted = 'read, hashed' if command == 'read' else 'filled, hashed, written'
        assert wanted in result['bare_loop'], result
        assert ('flushed' in result['bare_loop']) == (command == 'append' and '--durability=written' not in options), result
        assert not (directory / 'bench').exists()


@cases.case('append')
@cases.case('append', '--copy')
@cases.case('append', '--kafka')
@cases.case('append', '--fresh')
@cases.case('read')
def difference_found(programs, command, *options):
    """What was read back and is not what was expected fails the bench, with"""
    with data_directory() as directory:
        arguments = append(directory) if command == 'append' else read(directory)
        status, output, complaint = run_bench(programs, *arguments, '--plant-difference', *options)
        assert status == 1, status
        assert 'differs' in complaint and not output, (complaint, output)


@cases.case()
@cases.case('--partitions=3')
def read_runs(programs, *options):
    """A read bench runs and compares what it read,"""
    with data_directory() as directory:
        result = result_of(programs, *read(directory, *options))
        assert result['bytes_per_second'] > 0
        assert result['verified_bytes'] == result['log_bytes'] >= 64 << 20, result


@cases.case()
def read_against_fio(programs):
    """A read bench takes turns with fio"""
    if not shutil.which('fio'):
        note('fio is not installed')
        return
    with data_directory() as directory:
        result = result_of(programs, *read(directory, '--against=fio'))
        assert result['ratio'] > 0 and '--rw=read' in result['reference_command'], result


@cases.case()
def lookup_runs(programs):
    """A lookup bench counts accesses and bytes of the index"""
    result = result_of(programs, 'lookup', '--records=1000000', '--segments=100', '--duration=200ms', '--window=50ms')
    assert result['ratio'] > 0
    assert result['records'] == 1_000_000 and result['segments'] == 100
    assert 1 <= result['accesses_mean'] <= result['accesses_max'] <= 6, result
    assert result['index_bytes'] > 0


@cases.case()
@cases.case('--durability=written')
@cases.case('--reactors=2')
def recover_runs(programs, *options):
    """A recover bench kills its engine twice and finds every partition again,"""
    with data_directory() as directory:
        result = result_of(programs, 'recover', f'--data-dir={directory}/bench', '--partitions=20', '--memory=32MiB',
                           '--queue-depth=4', '--small-bytes=8MiB', '--large-bytes=32MiB', *options)
        assert result['ratio'] > 0 and result['small_seconds'] > 0 and result['large_seconds'] > 0, result
        assert result['small_log_bytes'] >= 8 << 20 and result['large_log_bytes'] >= 32 << 20, result
        assert not (directory / 'bench').exists()


@cases.case()
def memory_runs(programs):
    """A memory bench looks at idle engines with one partition and with more"""
    with data_directory() as directory:
        result = result_of(programs, 'memory', f'--data-dir={directory}/bench', '--partitions=50', '--memory=16MiB',
                           '--queue-depth=8', '--idle=200ms')
        assert result['verified_bytes'] == 50 * 10 * 1024, result
        assert result['resident_bytes'] > 0 and 'bytes_per_partition' in result, result


@cases.case()
def text_by_default(programs):
    """Without --json a person reads it"""
    with data_directory() as directory:
        status, output, complaint = run_bench(programs, *append(directory))
        assert status == 0, complaint
        lines = dict(line.split(None, 1) for line in output.splitlines() if len(line.split(None, 1)) == 2)
        assert lines['command'].strip() == 'append' and int(lines['bytes_per_second']) > 0, output


@cases.case()
def others_data_refused(programs):
    """A directory with other data in it is refused, and left as it was"""
    with data_directory() as directory:
        (directory / 'bench').mkdir()
        (directory / 'bench' / 'letters').write_text('dear')
        for arguments in (append(directory), read(directory)):
            status, _, complaint = run_bench(programs, *arguments)
            assert status == 1 and 'other data' in complaint, complaint
        assert [path.name for path in (directory / 'bench').iterdir()] == ['letters']


@cases.case()
def nonsense_refused(programs):
    """Options that make no sense are refused, with what to do"""
    with data_directory() as directory:
        for arguments, word in ((append(directory, '--duration=7'), 'duration'),
                                (append(directory, '--against=nobody'), '--against'),
                                (append(directory, '--queue-depth=0'), '--queue-depth'),
                                (append(directory, '--queue-depth=60000'), '--memory'),
                                (append(directory, '--fresh', '--against=dsync'), '--fresh'),
                                (append(directory, '--fresh', '--bare-loop'), '--bare-loop'),
                                (append(directory, '--copy', '--bare-loop'), '--bare-loop'),
                                (append(directory, '--appends=1', '--queue-depth=3000', '--bare-loop'), '--memory'),
                                (read(directory, '--cores=0,1', '--bare-loop'), '--bare-loop'),
                                (read(directory, '--read-bytes=16MiB', '--bare-loop'), '--memory'),
                                (append(directory, '--kafka', '--record-bytes=16KiB'), '--record-bytes'),
                                (append(directory, '--batch-bytes=1GiB'), '--batch-bytes'),
                                (read(directory, '--log-bytes=2MiB'), '--memory'),
                                (['lookup', '--records=10', '--segments=100'], '--segments'),
                                (['memory', '--partitions=1'], '--partitions'),
                                (['recover', '--role=king'], '--role'),
                                ([], 'subcommand'),
                                (['everything'], 'subcommand')):
            status, _, complaint = run_bench(programs, *arguments)
            assert status == 2 and word in complaint, (arguments, status, complaint)
        assert not (directory / 'bench').exists()


if __name__ == '__main__':
    cases.main()
