"""Above io, the doors are the only way to the world: no threads, time, chance, files, sockets or environment.

That is what lets the simulator replay a run from its seed, and a host embed the library without surprises. tools/ is
the program around the library and is exempt.
"""
import re

import source_tree

_LAYERS = ('index', 'engine', 'net')

_HEADERS = {
    'threads': ('thread', 'mutex', 'shared_mutex', 'condition_variable', 'future', 'semaphore', 'latch', 'barrier',
                'stop_token', 'atomic', 'pthread.h', 'stdatomic.h'),
    'time': ('chrono', 'ctime', 'time.h'),
    'chance': ('random',),
    'files, sockets or processes': ('fstream', 'iostream', 'filesystem', 'fcntl.h', 'unistd.h', 'dirent.h', 'signal.h',
                                    'csignal', 'netdb.h', 'poll.h', 'liburing.h'),
}
_HEADER_PREFIXES = {'files, sockets or processes': ('sys/', 'netinet/', 'arpa/', 'linux/')}

_TOKENS = {
    'threads': r'std::(?:jthread|thread|this_thread|\w*mutex|atomic\w*|condition_variable\w*|async|future|promise|'
               r'call_once|once_flag)\b|\bpthread_\w+|\bthread_local\b|\bvolatile\b',
    'time': r'std::chrono\b|\w+_clock\b|\b(?:gettimeofday|clock_gettime|timespec_get|usleep|nanosleep|localtime\w*|'
            r'gmtime\w*)\s*\(|\bstd::time\b|(?<![\w.>:])(?:time|sleep)\s*\(|::(?:time|sleep)\s*\(|\b__rdtscp?\b',
    'chance': r'\b(?:rand|srand|random|drand48|getrandom|arc4random\w*)\s*\(|\brandom_device\b|\bmt19937\w*',
    'files, sockets or processes': r'\bf(?:open|dopen|reopen)\s*\(|\b[io]?fstream\b|std::filesystem|std::c(?:out|err)\b'
                                   r'|(?<![\w.>:])f?printf\s*\(|std::f?printf\s*\(|\bputs\s*\('
                                   r'|(?<![\w.>])::(?:open|openat|read|write|close|socket|connect|send|recv|ioctl|'
                                   r'mmap|fsync|fdatasync|unlink|rename|mkdir|syscall)\s*\(',
    'the environment': r'\b(?:secure_)?getenv\s*\(|(?<![\w.>:])(?:_?exit|abort|system|signal|sigaction)\s*\('
                       r'|std::(?:exit|abort|_Exit|quick_exit|getenv|system|signal)\b',
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _TOKENS.items()}
_INCLUDE = re.compile(r'^\s*#\s*include\s*<([^>]+)>', re.MULTILINE)


def check(root):
    problems = []
    paths = [path for path in source_tree.files(root, '.h', '.cc') if path.parts[0] in _LAYERS]
    for path in paths:
        text = source_tree.code_only(source_tree.read(root, path))
        found = []
        for match in _INCLUDE.finditer(text):
            header = match.group(1)
            found += [(match.start(1), f'<{header}>', kind) for kind, names in _HEADERS.items() if header in names]
            found += [(match.start(1), f'<{header}>', kind) for kind, prefixes in _HEADER_PREFIXES.items()
                      if header.startswith(prefixes)]
        for kind, pattern in _PATTERNS.items():
            found += [(match.start(), match.group().strip(), kind) for match in pattern.finditer(text)]
        for position, what, kind in sorted(found):
            line = text.count('\n', 0, position) + 1
            problems.append(f'{path}:{line}: {what}: {path.parts[0]} knows {kind} only through the doors of io')
    return problems, len(paths)


if __name__ == '__main__':
    source_tree.main(check, __doc__)
