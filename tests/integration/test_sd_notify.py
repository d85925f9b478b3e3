# SPDX-License-Identifier: Apache-2.0
"""sd_notify, both ways: what the supervisor tells a service manager, and workers that know
nothing but sd_notify.
"""

import os
import signal
import socket
import sys
import threading

import harness
from harness import EXIT_OK, Case, environ_of, is_alive

IDLE = {"command": ["sleep", "1000000"], "heartbeat": "0s"}

# What every worker below begins with: say(text) sends one datagram.
SAYS = r"""
import os, signal, socket, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = os.environ["NOTIFY_SOCKET"]
notify.connect("\0" + address[1:] if address[0] == "@" else address)
say = lambda text: notify.send(text.encode())
"""


class Manager:
    """A service manager's socket, and what was said to it."""

    def __init__(self, path):
        self.path = path
        self.said = []
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except OSError:
                return
            with self.changed:
                self.said += text.splitlines()
                self.changed.notify_all()

    def wait_for(self, what, count=1):
        """Wait for an assignment, by its beginning."""
        def there():
            return sum(line.startswith(what) for line in self.said) >= count

        with self.changed:
            if not self.changed.wait_for(there, harness.TIMEOUT):
                raise AssertionError("waited in vain for %s: %r" % (what, self.said))


class ToTheManager(Case):
    def start(self, **environ):
        manager = Manager(os.path.join(self.box.path, "manager"))
        self.addCleanup(manager.socket.close)
        self.box.write_config({"idle": IDLE})
        run = self.box.start(environ=dict(environ, NOTIFY_SOCKET=manager.path))
        return manager, run

    def test_ready_status_stopping(self):
        manager, run = self.start()
        manager.wait_for("READY=1")
        manager.wait_for("STATUS=")
        self.assertNotIn("STOPPING=1", manager.said)
        self.assertEqual(run.stop(), EXIT_OK)
        manager.wait_for("STOPPING=1")

    def test_watchdog(self):
        manager, run = self.start(WATCHDOG_USEC="400000")
        manager.wait_for("WATCHDOG=1", count=4)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_workers_do_not_get_its_socket(self):
        _, run = self.start(WATCHDOG_USEC="60000000")
        pid = int(run.wait_for("worker.start", worker="idle")["pid"])
        run.wait_for("supervisor.ready")
        environ = environ_of(pid)
        self.assertNotIn("NOTIFY_SOCKET", environ)
        self.assertNotIn("WATCHDOG_USEC", environ)


class FromAWorker(Case):
    def start(self, script, **settings):
        program = self.box.file("worker.py", SAYS + script)
        worker = dict({"command": [sys.executable, program], "notify": "systemd",
                       "restart_delay": "10ms", "restart_delay_max": "10ms"}, **settings)
        self.box.write_config({"legacy": worker})
        return self.box.start()

    def test_ready_is_when_it_says_so(self):
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        run = self.start("open(%r).read(); say('READY=1\\nSTATUS=all is well'); signal.pause()" % gate)
        run.wait_for("worker.start", worker="legacy")
        self.assertEqual(run.count("worker.ready", worker="legacy"), 0)
        with open(gate, "w"):
            pass
        run.wait_for("worker.ready", worker="legacy")
        harness.wait_until(lambda: "all is well" in self.box.call("status", "--json").stdout,
                           "the worker's status text")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_missed_watchdog_is_a_hang(self):
        run = self.start("say('READY=1'); say('WATCHDOG=1'); signal.pause()", watchdog="300ms")
        first = int(run.wait_for("worker.ready", worker="legacy") and run.worker_pid("legacy"))
        run.wait_for("worker.hang", worker="legacy")
        run.wait_for("worker.start", worker="legacy", count=2)
        self.assertFalse(is_alive(first))

    def test_fed_watchdog_is_none(self):
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        feed = "say('READY=1')\nfor i in range(30): say('WATCHDOG=1'); signal.sigtimedwait([], 0.05)\n"
        run = self.start(feed + "open(%r).read(); signal.pause()" % gate, watchdog="1s")
        with open(gate, "w"):  # blocks until the worker has said it 30 times, 1.5 s
            pass
        self.assertEqual(run.count("worker.hang"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_start_timeout(self):
        run = self.start("signal.pause()", start_timeout="200ms")
        run.wait_for("worker.start", worker="legacy", count=2)

    def test_who_is_not_the_worker_says_nothing(self):
        """Another process's READY=1 does not count: the sender's pid is checked."""
        run = self.start("signal.pause()", start_timeout="60s")
        pid = int(run.wait_for("worker.start", worker="legacy")["pid"])
        address = environ_of(pid)["NOTIFY_SOCKET"]
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.connect(address)
        sender.send(b"READY=1")
        os.kill(pid, signal.SIGKILL)
        run.wait_for("worker.exit", worker="legacy")
        self.assertEqual(run.count("worker.ready", worker="legacy"), 0)


    def test_reloading_and_ready_again(self):
        run = self.start("say('READY=1'); say('RELOADING=1\\nSTATUS=reading'); signal.pause()")
        run.wait_for("worker.ready", worker="legacy")
        worker = harness.wait_until(lambda: self.status("phase", "reloading"), "the phase")
        self.assertEqual(worker["status"], "reading")
        self.assertEqual(run.count("worker.ready"), 1)

    def test_stopping_is_believed_and_has_a_deadline(self):
        """It is not watched any more, but it has to go."""
        run = self.start("say('READY=1'); say('STOPPING=1'); signal.signal(15, signal.SIG_IGN)\n"
                         "while True: signal.pause()", watchdog="100ms", shutdown="400ms")
        hang = run.wait_for("worker.hang", worker="legacy")
        self.assertEqual(hang["why"], "said that it stops, and did not")
        self.assertEqual(hang["phase"], "stopping")
        run.wait_for("worker.stop", worker="legacy", killed="yes")

    def test_stopping_and_gone_in_time(self):
        run = self.start("say('READY=1'); say('STOPPING=1')", watchdog="100ms", restart="transient")
        run.wait_for("worker.exit", worker="legacy", status=0)
        self.assertEqual(run.count("worker.hang"), 0)

    def test_extended_stop(self):
        """EXTEND_TIMEOUT_USEC holds for the way out, too."""
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        run = self.start("signal.signal(15, lambda *_: (say('EXTEND_TIMEOUT_USEC=60000000'),"
                         " open(%r).read(), os._exit(0)))\nsay('READY=1')\nsignal.pause()" % gate,
                         shutdown="300ms")
        run.wait_for("worker.ready", worker="legacy")
        run.signal(signal.SIGTERM)
        with open(gate, "w"):
            self.assertRaises(AssertionError, run.wait_for, "worker.stop", timeout=0.6)
        self.assertEqual(run.wait(), EXIT_OK)
        self.assertNotIn("killed", run.wait_for("worker.stop", worker="legacy"))

    def test_watchdog_trigger(self):
        run = self.start("say('READY=1'); say('WATCHDOG=trigger'); signal.pause()")
        stop = run.wait_for("worker.stop", worker="legacy")
        self.assertEqual((stop["reason"], stop["detail"]), ("hang", "WATCHDOG=trigger"))

    def test_watchdog_of_its_own(self):
        run = self.start("say('READY=1'); say('WATCHDOG_USEC=200000'); signal.pause()")
        self.assertEqual(run.wait_for("worker.hang", worker="legacy")["why"], "no watchdog ping")

    def test_errno_is_the_last_error(self):
        run = self.start("say('READY=1'); say('ERRNO=28'); signal.pause()")
        run.wait_for("worker.ready", worker="legacy")
        harness.wait_until(lambda: self.status("error", "No space left on device"), "the error")

    def test_descriptors_are_refused_aloud(self):
        run = self.start("socket.send_fds(notify, [b'FDSTORE=1\\nFDNAME=x'], [0]); say('FDSTORE=1')\n"
                         "say('READY=1'); signal.pause()")
        refused = run.wait_for("worker.notify_refused", worker="legacy")
        self.assertEqual(refused["what"], "FDSTORE")
        run.wait_for("worker.ready", worker="legacy")
        self.assertEqual(run.count("worker.notify_refused"), 1)

    def test_main_process_of_its_choice(self):
        """The first process names another and ends: the worker lives on in that one."""
        run = self.start("child = os.fork()\n"
                         "if child:\n"
                         "    say('MAINPID=%d' % child); os._exit(0)\n"
                         "while os.getppid() == os.getpgrp(): signal.sigtimedwait([], 0.01)\n"
                         "say('READY=1\\nSTATUS=%d' % os.getpid()); signal.pause()")
        first = int(run.wait_for("worker.start", worker="legacy")["pid"])
        second = int(run.wait_for("worker.ready", worker="legacy")["pid"])
        self.assertNotEqual(first, second)
        self.assertEqual(run.count("worker.exit"), 0)
        os.kill(second, signal.SIGSEGV)
        run.wait_for("worker.exit", worker="legacy", pid=second, signal="SEGV")
        run.wait_for("worker.start", worker="legacy", count=2)

    def test_main_process_of_others(self):
        run = self.start("say('MAINPID=1'); say('READY=1'); signal.pause()")
        pid = int(run.wait_for("worker.start", worker="legacy")["pid"])
        self.assertEqual(run.wait_for("worker.notify_refused", worker="legacy")["what"], "MAINPID")
        self.assertEqual(int(run.wait_for("worker.ready", worker="legacy")["pid"]), pid)
        self.assertEqual(run.stop(), EXIT_OK)

    def status(self, key, value):
        """The worker's entry in `status --json`, once it has that value."""
        [worker] = [w for w in self.box.json("status")["workers"] if w["name"] == "legacy"]
        return worker if worker.get(key) == value else None



if __name__ == "__main__":
    harness.main()
