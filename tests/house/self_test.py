"""The house tests find what they look for: each planted violation turns its test red, a clean tree leaves it green."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

_HERE = pathlib.Path(__file__).resolve().parent
_CLEAN = {
    'io/door.h': '#pragma once\n#include <atomic>\n',
    'engine/log.h': '#pragma once\n#include "io/door.h"\n// std::thread is only named in this comment\n',
    'engine/log.cc': '#include "engine/log.h"\nconst char* text = "rand()" R"(getenv(")";  // 1\n',
    'engine/meson.build': "sources += files('log.cc')\n",
    'net/server.cc': '#include "net/server.h"\n#include "engine/log.h"\nvoid wait(Clock& clock) { clock.sleep_for(clock.monotonic_ns()); }\n',
    'net/meson.build': "files('server.cc')\n",
    'tools/main.cc': '#include <chrono>\n#include "net/server.h"\n',
    'net/server.h': '#pragma once\n',
    'tools/meson.build': "executable('penstock', 'main.cc')\n",
}


class PlantedViolations(unittest.TestCase):
    def run_on(self, script, changes):
        """Exit status and output of `script` on the clean tree with `changes` laid over it."""
        with tempfile.TemporaryDirectory() as directory:
            for name, text in {**_CLEAN, **changes}.items():
                path = pathlib.Path(directory) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding='utf-8')
            run = subprocess.run([sys.executable, str(_HERE / script), '--root', directory], capture_output=True,
                                 text=True, check=False)
        return run.returncode, run.stdout + run.stderr

    def expect_red(self, script, name, text, message):
        status, output = self.run_on(script, {name: text})
        self.assertEqual(status, 1, output)
        self.assertIn(name, output)
        self.assertIn(message, output)

    def test_a_clean_tree_is_green(self):
        for script in ('layers_test.py', 'determinism_test.py', 'tidiness_test.py', 'headers_test.py'):
            status, output = self.run_on(script, {})
            self.assertEqual(status, 0, f'{script}: {output}')

    def test_an_empty_tree_is_red(self):
        with tempfile.TemporaryDirectory() as directory:
            for script in ('layers_test.py', 'determinism_test.py', 'headers_test.py'):
                run = subprocess.run([sys.executable, str(_HERE / script), '--root', directory], capture_output=True,
                                     check=False)
                self.assertEqual(run.returncode, 1, script)

    def test_layers(self):
        for name, text, message in (
                ('io/door.h', '#include "engine/log.h"\n', 'stands above it'),
                ('engine/log.cc', '#include "log.h"\n', 'not a path from the root'),
                ('engine/log.cc', '#include "../io/door.h"\n', 'not a path from the root'),
                ('net/server.cc', '  #  include "tools/main.cc"\n', 'stands above it'),
                ('engine/log.cc', '#include "tests/helper.h"\n', 'root')):
            self.expect_red('layers_test.py', name, text, message)
        status, output = self.run_on('layers_test.py', {'tests/log_test.cc': '#include "engine/log.h"\n'})
        self.assertEqual(status, 0, output)

    def test_determinism(self):
        for text in ('#include <mutex>\n', '#include <sys/stat.h>\n', 'std::thread t;', 'auto t = steady_clock::now();',
                     'std::chrono::seconds s;', 'int r = rand();', 'std::random_device d;', 'getenv("HOME");',
                     'fopen("x", "r");', 'std::ifstream in("x");', 'int f = ::open("x", 0);', 'time(nullptr);',
                     'clock_gettime(0, &t);', 'gettimeofday(&t, 0);', 'sleep(1);', 'std::atomic<int> a;',
                     'thread_local int x;', 'printf("hello");', 'std::exit(1);', 'std::cout << 1;'):
            for layer in ('index', 'engine', 'net'):
                self.expect_red('determinism_test.py', f'{layer}/planted.cc', f'\n{text}\n', 'only through the doors')
            status, output = self.run_on('determinism_test.py', {'io/planted.cc': text, 'tools/planted.cc': text})
            self.assertEqual(status, 0, output)

    def test_tidiness(self):
        for name, text, message in (
                ('docs/notes.md', 'see /' + 'root/notes\n', 'a path of one machine'),
                ('engine/log.cc', '// TO' + 'DO: later\n', 'an unfinished place'),
                ('engine/dead.cc', '\n', 'no meson.build names it'),
                ('engine/dead.h', '#include "engine/dead.h"\n', 'nothing includes it'),
                ('tests/house/dead_test.py', '\n', 'no meson.build names it')):
            self.expect_red('tidiness_test.py', name, text, message)

    def test_headers(self):
        lacking = '#pragma once\nstd::string name();\n'
        self.expect_red('headers_test.py', 'io/door.h', lacking, 'compile alone')
        # What a source includes first, the build has compiled alone; not so one that is compiled only if asked for.
        for source, text, status in (
                ('io/door.cc', '// A door.\n#include "io/door.h"\n', 0),
                ('io/door.cc', '#include <string>\n#include "io/door.h"\n', 1),
                ('tests/io/fuzz_door.cc', '#include "io/door.h"\n', 1)):
            found, output = self.run_on('headers_test.py', {'io/door.h': lacking, source: text, 'engine/log.h': ''})
            self.assertEqual(found, status, output)

    def test_format(self):
        self.expect_red('format_test.py', 'engine/log.cc', 'int  x ;\n', 'clang-format-16 -i')


if __name__ == '__main__':
    unittest.main()
