# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a directory of their own, configurations, a supervisor
whose events can be waited for, and a look at the processes it left.

A test waits for an event or a condition, never for a time to pass. The programs are those
in $TRADESUP_BUILD (default: build/ at the top of the tree).
"""

import gzip
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("TRADESUP_BUILD", os.path.join(TREE, "build")))
TRADESUP = os.path.join(BUILD, "tradesup")
WORKER = os.path.join(BUILD, "tradesup-worker")
SAMPLE = os.path.join(TREE, "etc", "examples", "bitstamp-btcusd.csv.gz")
SHARED = os.path.join(os.path.dirname(TREE), "shared")

# The longest wait for anything. Only a failing test ever takes as long.
TIMEOUT = float(os.environ.get("TRADESUP_TEST_TIMEOUT", "60"))

EXIT_OK, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_ESCALATED, EXIT_OSERR, EXIT_CONFIG = 0, 64, 69, 70, 71, 78


def is_sanitized():
    """Whether the build has a sanitizer; its memory is no measure then."""
    try:
        with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json")) as file:
            options = {option["name"]: option["value"] for option in json.load(file)}
    except FileNotFoundError:
        return False
    return options.get("b_sanitize", "none") != "none"


SANITIZED = is_sanitized()


def wait_until(condition, what, timeout=TIMEOUT, interval=0.005):
    """Poll @condition until it is true, and return its value."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %.0f s in vain for %s" % (timeout, what))
        pause.wait(interval)


# Processes ----------------------------------------------------------------------------

def is_alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parents():
    """{pid: parent's pid} of all processes, zombies included."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    table[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return table


def descendants(pid):
    table, found, todo = parents(), [], [pid]
    while todo:
        parent = todo.pop()
        children = [child for child, its_parent in table.items() if its_parent == parent]
        found += children
        todo += children
    return found


def processes_with(text):
    """Living processes whose environment or command line holds @text."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as file:
                words = file.read()
            with open("/proc/%s/cmdline" % name, "rb") as file:
                words += b"\0" + file.read()
        except OSError:
            continue
        if text.encode() in words and is_alive(int(name)):
            found.append(int(name))
    return found


def environ_of(pid):
    """A worker's environment. It is empty for a moment while the program is being loaded."""
    def read():
        with open("/proc/%d/environ" % pid) as file:
            return dict(word.split("=", 1) for word in file.read().split("\0") if word)

    return wait_until(read, "the environment of a new process")


def open_descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def rss_bytes(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Configurations -----------------------------------------------------------------------

def config_section(name, values, indent=""):
    """A section as text; @values maps keys to text, a list of words, or another section."""
    lines = ["%s%s {" % (indent, name)]
    inner = indent + "  "
    for key, value in values.items():
        if isinstance(value, dict):
            lines.append(config_section(key, value, inner))
        elif isinstance(value, (list, tuple)):
            words = ", ".join(quoted(word) for word in value)
            lines.append("%s%s = { %s }" % (inner, key, words))
        else:
            lines.append("%s%s = %s" % (inner, key, quoted(value)))
    lines.append(indent + "}")
    return "\n".join(lines)


def quoted(word):
    word = str(word)
    if re.fullmatch(r"[A-Za-z0-9_.%-]+", word):
        return word
    return '"%s"' % word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


MISBEHAVE = os.path.join(TREE, "tests", "integration", "misbehave.py")


def misbehaving(mode, **settings):
    """A worker section for one of misbehave.py's modes, restarted without delay."""
    section = {"command": [sys.executable, "-S", MISBEHAVE, mode], "heartbeat": "10s",
               "restart_delay": "1ms", "restart_delay_max": "1ms"}
    return dict(section, **settings)


# The feed ends, the worker ends with 0, and so does `tradesup run`.
ENDS_WITH_ITS_FEED = {"restart": "transient", "significant": "yes"}
ENDS_WITH_ITS_WORKERS = {"auto_shutdown": "all_significant"}


class Box:
    """A directory of one test's own, with a configuration and what comes of it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="tradesup-test-")
        self.config = os.path.join(self.path, "tradesup.conf")
        self.state = os.path.join(self.path, "state")
        self.environ = dict(os.environ, TRADESUP_TEST_BOX=self.path, HOME=self.path)
        self.runs = []
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "STATE_DIRECTORY", "RUNTIME_DIRECTORY",
                     "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TRADESUP_KILL_AT",
                     "TRADESUP_CGROUP"):
            self.environ.pop(name, None)

    def file(self, name, content):
        """Write a file, by its name in the box; gzip'd where the name ends so."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        with open(path, "wb") as file:
            file.write(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    def write_config(self, workers, supervisor=None):
        """Write the configuration: {name: section}, in start order."""
        settings = {"state_dir": self.state, "runtime_dir": os.path.join(self.path, "run")}
        settings.update(supervisor or {})
        sections = [config_section("supervisor", settings)]
        sections += [config_section("worker " + name, values) for name, values in workers.items()]
        return self.file("tradesup.conf", "\n".join(sections) + "\n")

    def start(self, *arguments, environ=None, launcher=()):
        """Start `tradesup run` with the configuration; @launcher: a command that execs it."""
        run = Run(self, [*launcher, TRADESUP, "run", "-c", self.config, "--log-format", "json",
                         *arguments],
                  dict(self.environ, **(environ or {})))
        self.runs.append(run)
        return run

    def call(self, verb, *arguments, timeout=TIMEOUT):
        """Run another verb to its end."""
        return subprocess.run([TRADESUP, verb, "-c", self.config, *arguments], env=self.environ,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout, check=False)

    def json(self, verb, *arguments):
        result = self.call(verb, *arguments, "--json")
        if result.returncode != 0:
            raise AssertionError("tradesup %s ended with %d: %s"
                                 % (verb, result.returncode, result.stderr))
        return json.loads(result.stdout)

    def ask(self, request):
        """Send one line to the control socket; the lines of the answer, the verdict last."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(os.path.join(self.path, "run", "control"))
            connection.sendall(request.encode() + b"\n")
            answer = b""
            while not re.search(rb"^(ok|error\b.*)\n", answer, re.MULTILINE):
                got = connection.recv(65536)
                if not got:
                    raise AssertionError("no verdict: %r" % answer)
                answer += got
        return answer.decode().splitlines()

    def leftovers(self):
        return processes_with("TRADESUP_TEST_BOX=" + self.path)

    def close(self):
        """End what still runs, and remove the directory."""
        for run in self.runs:
            run.kill()
        for pid in self.leftovers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.path, ignore_errors=True)


class Run:
    """One life of a supervisor: its events as they come, and its end."""

    def __init__(self, box, argv, environ):
        self.box = box
        self.events = []
        self.noise = []
        self.changed = threading.Condition()
        self.finished = False
        self.process = subprocess.Popen(argv, env=environ, cwd=box.path, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self.rest = b""
        os.set_blocking(self.process.stderr.fileno(), False)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while not self.finished:
            select.select([self.process.stderr], [], [])
            with self.changed:
                self.take_what_is_there()

    def take_what_is_there(self):
        """All that was written until now, so that who has seen an effect finds the events before it."""
        while not self.finished:
            try:
                data = os.read(self.process.stderr.fileno(), 65536)
            except BlockingIOError:
                break
            *lines, self.rest = (self.rest + data).split(b"\n")
            if not data:
                lines, self.finished = [self.rest] if self.rest else [], True
            for line in lines:
                self.take(line.decode("utf-8", "replace"))
            self.changed.notify_all()

    def take(self, text):
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        if isinstance(event, dict) and "event" in event:
            self.events.append(event)
        else:
            self.noise.append(text)

    def find(self, event, since=0, **fields):
        """Events of that name, from the position @since on, in which all @fields match."""
        with self.changed:
            self.take_what_is_there()
            events = self.events[since:]
        return [e for e in events if e["event"] == event
                and all(matches(e.get(key), value) for key, value in fields.items())]

    def count(self, event, **fields):
        return len(self.find(event, **fields))

    def position(self):
        """Where the next event will be; for @since."""
        with self.changed:
            self.take_what_is_there()
            return len(self.events)

    def wait_for(self, event, since=0, count=1, timeout=TIMEOUT, **fields):
        """Wait until @count such events have come, and return the last of them."""
        deadline = time.monotonic() + timeout
        while True:
            with self.changed:
                ended, known = self.finished, len(self.events)
            found = self.find(event, since, **fields)
            if len(found) >= count:
                return found[count - 1]
            if ended or time.monotonic() > deadline:
                raise AssertionError("%s: no event %s %r (%d of %d)\n%s" % (
                    "the run ended" if ended else "waited in vain", event, fields,
                    len(found), count, self.tail()))
            with self.changed:
                if len(self.events) == known and not self.finished:
                    self.changed.wait(0.5)

    def wait(self, timeout=TIMEOUT):
        """Wait for the supervisor's end; its exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("the supervisor does not end\n" + self.tail())
        self.reader.join(5)
        return status

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=TIMEOUT):
        """Stop it as an operator would; its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        with self.changed:
            self.finished = True  # also if a process that outlived it holds the pipe
        self.process.stderr.close()

    def worker_pid(self, name):
        """The pid in the last worker.start of that worker; 0 before the first."""
        starts = self.find("worker.start", worker=name)
        return int(starts[-1]["pid"]) if starts else 0

    def tail(self, lines=40):
        with self.changed:
            events = [json.dumps(event) for event in self.events[-lines:]]
            return "\n".join(events + ["(other output)"] + self.noise[-lines:])


def matches(got, wanted):
    """Whether a field has a value: as text, or as a predicate says."""
    if callable(wanted):
        return got is not None and wanted(got)
    if isinstance(got, bool):
        got = "yes" if got else "no"
    return str(got) == str(wanted)


class Case(unittest.TestCase):
    """A test with a box, which must be empty of processes when it ends."""

    def setUp(self):
        for program in (TRADESUP, WORKER):
            if not os.access(program, os.X_OK):
                self.skipTest("%s is not built" % os.path.basename(program))
        self.box = Box()
        self.addCleanup(self.box.close)


def needs(path, what=None):
    """Skip a test where a file is missing, and say so."""
    return unittest.skipUnless(os.path.exists(path), "%s is not here" % (what or path))


# Results as TAP, so that meson counts every test ---------------------------------------

class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, verdict, test, remark=""):
        self.number += 1
        name = test.id().replace("__main__.", "").replace("#", "")
        print("%s %d - %s%s" % (verdict, self.number, name, remark), flush=True)

    def diagnose(self, error, test):
        for line in self._exc_info_to_string(error, test).splitlines():
            print("# " + line, file=sys.stderr, flush=True)  # meson shows this of a failed test, not its output

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, " # SKIP " + reason)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.diagnose(error, test)
        self.line("not ok", test)

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.diagnose(error, test)
            self.line("not ok", subtest)


def cases_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases_of(test)
        else:
            yield test


def main():
    """Run the tests of the calling file; names on the command line choose some of them, and `--part 2/3` the second
    third of these, case by case."""
    names = sys.argv[1:]
    part, parts = 1, 1
    if names[:1] == ["--part"]:
        part, parts = (int(number) for number in names[1].split("/"))
        names = names[2:]
    module = sys.modules["__main__"]
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    if parts > 1:
        suite = unittest.TestSuite(list(cases_of(suite))[part - 1::parts])
    result = TapResult()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    suite.run(result)
    print("1..%d" % result.number, flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)
