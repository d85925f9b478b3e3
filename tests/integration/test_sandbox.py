# SPDX-License-Identifier: Apache-2.0
"""Sandboxes: a worker tries what it is not to do, and says what it got."""

import ctypes
import errno
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import harness
from harness import BUILD, EXIT_OK, EXIT_OSERR, SANITIZED, Case
from trading import TradingCase, trading_section

IS_ROOT = os.geteuid() == 0
LIBRARY = os.path.join(BUILD, "tests", "libfail_calls.so")
PYTHON_OF_ALL = "/usr/bin/python3"  # ours may be root's alone
OUTSIDE_TMP = "/dev/shm"
CREATE_RULESET, GET_VERSION = 444, 1

# What the worker tries: each name is a function of it that fails with OSError.
TRIES = r'''
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
def open_write(path, flags=os.O_CREAT):
    os.close(os.open(path, os.O_WRONLY | flags, 0o600))
def own():
    path = os.path.join(os.environ["TRADESUP_STATE_DIR"], os.environ["TRADESUP_WORKER"], "file")
    open_write(path)
    os.rename(path, path + "2")
    os.truncate(path + "2", 0)
    os.unlink(path + "2")
def cut(path):
    os.truncate(path, 0)
def connect(port):
    with socket.create_connection(("127.0.0.1", int(port))):
        pass
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", 9))
def netlink():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
def local():
    for s in socket.socketpair():
        s.close()
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
def thread():
    import threading
    t = threading.Thread(target=lambda: None)
    t.start()
    t.join()
def run():
    import subprocess
    subprocess.run(["true"], check=True)
def uring():
    call(libc.syscall(425, 1, ctypes.create_string_buffer(256)))
def mount():
    call(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))
def ptrace():
    call(libc.ptrace(16, os.getppid(), 0, 0))
def unshare():
    call(libc.unshare(0x10000000))
def unknown():
    call(libc.syscall(9999))
def clock():
    call(libc.syscall(227 if os.uname().machine == "x86_64" else 112, 99, 0))
def privileges():
    if "NoNewPrivs:\t1" not in open("/proc/self/status").read():
        raise OSError(errno.EPERM, "")
for word in sys.argv[1:]:
    name, _, argument = word.partition("=")
    try:
        eval(name)(*([argument] if argument else []))
        print(word, "ok", flush=True)
    except OSError as error:
        print(word, errno.errorcode.get(error.errno, error.errno), flush=True)
print("end", flush=True)
if "TRADESUP_MAKE_SAFE" in os.environ:
    sys.exit()
import time
time.sleep(1000000)
'''


def landlock_abi():
    return ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, GET_VERSION)


HAS_LANDLOCK = landlock_abi() >= 3
needs_landlock = unittest.skipUnless(HAS_LANDLOCK, "this kernel has no Landlock that can truncate")


class Trying(Case):
    """A case with a worker that tries things."""

    python = sys.executable

    def setUp(self):
        super().setUp()
        self.tries = self.box.file("tries.py", TRIES)

    def section(self, words, sandbox, **settings):
        return dict({"command": [self.python, "-S", self.tries, *words], "heartbeat": "0s",
                     "restart": "temporary", "sandbox": sandbox}, **settings)

    def results(self, words, sandbox, launcher=(), **settings):
        """What came of each try: {word: "ok" or an errno's name}."""
        self.box.write_config({"w": self.section(words, sandbox, **settings)})
        run = self.box.start(launcher=launcher)
        run.wait_for("worker.output", line="end")
        self.assertEqual(run.stop(), EXIT_OK)
        lines = [event["line"] for event in run.find("worker.output")]
        return dict(line.rsplit(" ", 1) for line in lines if line != "end")

    def outside(self, name):
        return "open_write=" + os.path.join(self.box.path, name)


class Sandbox(Trying):
    def test_none_refuses_nothing(self):
        words = [self.outside("a"), "udp", "local", "fork", "privileges"]
        self.assertEqual(self.results(words, {}), dict.fromkeys(words, "ok"))

    @needs_landlock
    def test_read_only(self):
        words = ["own", self.outside("a"), "open_write=/etc/tradesup-test", "open_write=/dev/null",
                 "open_write=%s/b" % OUTSIDE_TMP, "udp", "run", "privileges"]
        got = self.results(words, {"read_only": "yes"})
        self.assertEqual(list(got.values()),
                         ["ok", "EACCES", "EACCES", "ok", "EACCES", "ok", "ok", "ok"])

    @needs_landlock
    def test_a_file_that_is_there(self):
        path = self.box.file("precious", "x")
        words = [verb + "=" + path for verb in ("cut", "open_write", "os.unlink")]
        got = self.results(words, {"read_only": "yes"})
        self.assertEqual(list(got.values()), ["EACCES"] * 3)
        self.assertEqual(os.path.getsize(path), 1)

    @needs_landlock
    def test_write(self):
        os.mkdir(os.path.join(self.box.path, "mine"))
        words = [self.outside("mine/a"), self.outside("a")]
        got = self.results(words, {"read_only": "yes", "write": ["mine"]})
        self.assertEqual(list(got.values()), ["ok", "EACCES"])

    @needs_landlock
    def test_read_only_paths(self):
        self.box.file("secret", "x")
        os.mkdir(os.path.join(self.box.path, "program"))
        shutil.move(self.tries, os.path.join(self.box.path, "program", "tries.py"))
        self.tries = os.path.join(self.box.path, "program", "tries.py")
        readable = ["program", "/usr", "/etc", "/lib", "/lib64", "/proc", "/bin",
                    os.path.realpath(sys.prefix)]
        words = ["open=%s/secret" % self.box.path, "open=/etc/passwd", "own", self.outside("a")]
        got = self.results(words, {"read_only": [p for p in readable
                                                 if p == "program" or os.path.exists(p)]})
        self.assertEqual(list(got.values()), ["EACCES", "ok", "ok", "EACCES"])

    def test_no_network(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            words = ["connect=%d" % server.getsockname()[1], "udp", "netlink", "local", "uring",
                     "run", "thread"]
            got = self.results(words, {"no_network": "yes"})
        self.assertEqual(list(got.values()), ["EAFNOSUPPORT", "EAFNOSUPPORT", "EAFNOSUPPORT", "ok",
                                              "EPERM", "ok", "ok"])

    def test_seccomp(self):
        words = ["mount", "ptrace", "unshare", "uring", "unknown", "fork", "thread", "run", "udp",
                 "local", "clock"]
        got = self.results(words, {"seccomp": "yes"})
        self.assertEqual(list(got.values()), ["EPERM"] * 4 + ["ENOSYS"] + ["ok"] * 5 + ["EPERM"])

    @needs_landlock
    def test_all_at_once(self):
        words = ["own", self.outside("a"), "udp", "mount", "fork", "run"]
        got = self.results(words, {"read_only": "yes", "no_network": "yes", "seccomp": "yes"})
        self.assertEqual(list(got.values()),
                         ["ok", "EACCES", "EAFNOSUPPORT", "EPERM", "ok", "ok"])

    @needs_landlock
    def test_make_safe_has_it_too(self):
        section = self.section([], {"read_only": "yes", "no_network": "yes"},
                               restart="permanent", restart_delay="300s",
                               restart_delay_max="300s",
                               make_safe={"command": [sys.executable, "-S", self.tries,
                                                      self.outside("a"), "udp", "own"],
                                          "timeout": "300s"})
        section["command"] = ["sh", "-c", "exit 1"]
        self.box.write_config({"w": section})
        run = self.box.start()
        run.wait_for("worker.output", line="end")
        lines = [event["line"].rsplit(" ", 1)[1] for event in run.find("worker.output")[:-1]]
        self.assertEqual(lines, ["EACCES", "EAFNOSUPPORT", "ok"])
        self.assertEqual(run.stop(), EXIT_OK)

    @needs_landlock
    @unittest.skipUnless(IS_ROOT, "changing the user needs root")
    @harness.needs(PYTHON_OF_ALL)
    def test_of_another_user(self):
        self.python = PYTHON_OF_ALL
        os.chmod(self.box.path, 0o755)
        os.makedirs(self.box.state)
        os.chmod(self.box.state, 0o755)
        words = ["own", self.outside("a"), "udp", "mount"]
        got = self.results(words, {"read_only": "yes", "seccomp": "yes"}, user="nobody")
        self.assertEqual(list(got.values()), ["ok", "EACCES", "ok", "EPERM"])
        owner = os.stat(os.path.join(self.box.state, "w")).st_uid
        self.assertEqual(owner, pwd.getpwnam("nobody").pw_uid)

    def test_reload_restarts(self):
        self.box.write_config({"w": self.section(["udp"], {"seccomp": "yes"})})
        run = self.box.start()
        run.wait_for("worker.output", line="udp ok")
        self.box.write_config({"w": self.section(["udp"], {"seccomp": "yes",
                                                           "no_network": "yes"})})
        self.assertEqual(self.box.call("reload").returncode, EXIT_OK)
        run.wait_for("worker.output", line="udp EAFNOSUPPORT")
        self.assertEqual(run.stop(), EXIT_OK)

    # What cannot be had.

    def refused(self, step, error, sandbox, environ=None):
        """It does not start, and `check` says so beforehand."""
        self.box.write_config({"w": self.section([], sandbox)}, {"intensity": "0"})
        self.box.environ.update(environ or {})
        checked = self.box.call("check")
        self.assertEqual(checked.returncode, EXIT_OSERR, checked.stderr)
        self.assertIn("worker w: %s: " % step, checked.stderr)
        self.assertIn(os.strerror(error), checked.stderr)
        run = self.box.start()
        failure = run.wait_for("worker.start_failed", worker="w", step=step)
        self.assertEqual(failure["errno"], error)
        self.assertNotEqual(run.wait(), EXIT_OK)
        self.assertEqual(run.count("worker.start"), 0)
        return failure

    def failing(self, call, error):
        if SANITIZED:
            self.skipTest("a sanitizer wants to be the first library")
        return {"LD_PRELOAD": LIBRARY, "FAIL_CALL": "%s:%d:0:1000" % (call, error)}

    def test_kernel_without_landlock(self):
        self.refused("sandbox.read_only", errno.EOPNOTSUPP, {"read_only": "yes"},
                     self.failing("landlock_create_ruleset", errno.EOPNOTSUPP))

    def test_kernel_that_refuses_to_restrict(self):
        self.refused("sandbox.read_only", errno.E2BIG, {"read_only": "yes"},
                     self.failing("landlock_restrict_self", errno.E2BIG))

    def test_kernel_without_seccomp(self):
        self.refused("sandbox.seccomp", errno.EINVAL, {"seccomp": "yes"},
                     self.failing("seccomp", errno.EINVAL))

    def test_network_needs_seccomp(self):
        self.refused("sandbox.no_network", errno.ENOSYS, {"no_network": "yes"},
                     self.failing("seccomp", errno.ENOSYS))

    @needs_landlock
    def test_path_that_is_not_there(self):
        failure = self.refused("sandbox.write", errno.ENOENT, {"read_only": "yes",
                                                              "write": ["none"]})
        self.assertEqual(failure["path"], os.path.join(self.box.path, "none"))

    def test_state_directory_that_would_be_hidden(self):
        self.box.state = tempfile.mkdtemp(prefix="tradesup-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.box.state)
        self.refused("sandbox.private_tmp", errno.EBUSY, {"private_tmp": "yes"})

    def test_check_of_what_can_be_had(self):
        self.box.write_config({"w": self.section([], {"no_network": "yes", "seccomp": "yes"})})
        checked = self.box.call("check")
        self.assertEqual(checked.returncode, EXIT_OK, checked.stderr)
        self.assertFalse(os.path.exists(self.box.state))


def may_mount():
    """Whether we can have a mount namespace, with a user namespace if it takes one."""
    options = ["--mount"] if IS_ROOT else ["--user", "--mount"]
    return subprocess.run(["unshare", *options, "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


@unittest.skipUnless(os.access(OUTSIDE_TMP, os.W_OK), "%s is not here" % OUTSIDE_TMP)
class PrivateTmp(Trying):
    """In a box that is not in what the worker gets a new one of."""

    def setUp(self):
        with unittest.mock.patch("tempfile.tempdir", OUTSIDE_TMP):
            super().setUp()
        handle, self.ours = tempfile.mkstemp(prefix="tradesup-test-", dir="/tmp")
        os.close(handle)
        self.addCleanup(os.unlink, self.ours)

    def words(self):
        return ["open=" + self.ours, "open_write=" + self.ours + "-new", "open_write=/var/tmp/new",
                "own"]

    def check_tmp(self, sandbox, launcher=()):
        got = self.results(self.words(), sandbox, launcher)
        self.assertEqual(list(got.values()), ["ENOENT", "ok", "ok", "ok"])
        self.assertFalse(os.path.exists(self.ours + "-new"))
        self.assertFalse(os.path.exists("/var/tmp/new"))

    @unittest.skipUnless(may_mount(), "no mount namespace is to be had here")
    def test_alone(self):
        self.check_tmp({"private_tmp": "yes"})

    @needs_landlock
    @unittest.skipUnless(may_mount(), "no mount namespace is to be had here")
    def test_with_all_others(self):
        self.check_tmp({"private_tmp": "yes", "read_only": "yes", "no_network": "yes",
                        "seccomp": "yes"})

    @needs_landlock
    @unittest.skipUnless(IS_ROOT and may_mount(), "becoming another user needs root")
    @harness.needs(PYTHON_OF_ALL)
    def test_without_privilege(self):
        """By a user namespace, in which the worker stays who it was."""
        launcher = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        if subprocess.run([*launcher, "unshare", "--user", "--mount", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no user namespace is to be had here")
        self.python = PYTHON_OF_ALL
        os.chown(self.box.path, pwd.getpwnam("nobody").pw_uid, -1)
        self.check_tmp({"private_tmp": "yes", "read_only": "yes"}, launcher)

    def test_without_namespaces(self):
        if SANITIZED:
            self.skipTest("a sanitizer wants to be the first library")
        self.box.write_config({"w": self.section([], {"private_tmp": "yes"})}, {"intensity": "0"})
        self.box.environ.update({"LD_PRELOAD": LIBRARY, "FAIL_CALL": "unshare:%d:0:9" % errno.EPERM})
        checked = self.box.call("check")
        self.assertEqual(checked.returncode, EXIT_OSERR, checked.stderr)
        self.assertIn("sandbox.private_tmp: " + os.strerror(errno.EPERM), checked.stderr)
        run = self.box.start()
        run.wait_for("worker.start_failed", step="sandbox.private_tmp", errno=errno.EPERM)
        self.assertNotEqual(run.wait(), EXIT_OK)


class BuiltIn(TradingCase):
    """The trading worker, with its journal and its state."""

    @needs_landlock
    def test_it_trades(self):
        trading = trading_section(harness.SAMPLE, file={"time_unit": "s"},
                                  flow_cluster={"min_notional": "500"},
                                  orders={"order_notional": "1000"})
        self.prepare(trading, {"sandbox": {"read_only": "yes", "seccomp": "yes",
                                           "no_network": "yes"}})
        # A leak is looked for by tracing, which the filter refuses.
        self.run_to_the_end({"ASAN_OPTIONS": "detect_leaks=0"})
        self.assertGreater(len(self.assert_agrees(trading)["fills"]), 10)


if __name__ == "__main__":
    harness.main()
