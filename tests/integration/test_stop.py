# SPDX-License-Identifier: Apache-2.0
"""The end: in reverse order, in time, and nothing is left, even where the supervisor itself was
killed.
"""

import signal
import sys

import harness
from harness import EXIT_OK, Case, is_alive, wait_until

IDLE = {"command": ["sleep", "1000000"], "heartbeat": "0s"}

# Ignores SIGTERM, and has a child in a session of its own, orphaned, that ignores it, too.
STUBBORN = r"""
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    print("grandchild", os.getpid(), flush=True)
print("waiting", flush=True)
while True:
    signal.pause()
"""


class StopCase(Case):
    def start(self, workers):
        self.box.write_config(workers)
        run = self.box.start()
        run.wait_for("supervisor.ready")
        return run

    def stubborn(self, **settings):
        program = self.box.file("stubborn.py", STUBBORN)
        return dict({"command": [sys.executable, program], "heartbeat": "0s"}, **settings)

    def start_stubborn(self, **settings):
        """Start it, and wait until worker and grandchild ignore SIGTERM."""
        run = self.start({"stubborn": self.stubborn(**settings)})
        wait_until(lambda: len(self.lines("stubborn")) >= 3, "the worker and its grandchild")
        grandchild = [line for line in self.lines("stubborn") if "grandchild" in line][0]
        return run, int(grandchild.split()[-1])

    def lines(self, worker):
        """What `tradesup logs` has of a worker."""
        logs = self.box.call("logs", worker)
        return [line for line in logs.stdout.splitlines() if "waiting" in line or "grandchild" in line]


class Stop(StopCase):
    def check_order(self, how):
        run = self.start({"first": IDLE, "second": IDLE, "third": IDLE})
        run.signal(how)
        self.assertEqual(run.wait(), EXIT_OK, run.tail())
        stopped = [e["worker"] for e in run.find("worker.stop")]
        self.assertEqual(stopped, ["third", "second", "first"])
        self.assertEqual(run.count("supervisor.stop"), 1)
        self.assertEqual(self.box.leftovers(), [])

    def test_sigterm_stops_in_reverse_order_with_0(self):
        self.check_order(signal.SIGTERM)

    def test_sigint_does_the_same(self):
        self.check_order(signal.SIGINT)

    def test_stubborn_worker_is_killed_after_its_time(self):
        run, _ = self.start_stubborn(shutdown="300ms")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertTrue(run.find("worker.stop", worker="stubborn", killed="yes"), run.tail())

    def test_its_grandchild_goes_with_it(self):
        run, grandchild = self.start_stubborn(shutdown="100ms")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertFalse(is_alive(grandchild))
        self.assertEqual(self.box.leftovers(), [])

    def test_grandchild_goes_when_the_worker_alone_is_stopped(self):
        """Without a cgroup: a daemon with a session of its own is ours once it is an orphan."""
        run, grandchild = self.start_stubborn(shutdown="100ms")
        self.assertEqual(self.box.call("stop", "stubborn").returncode, EXIT_OK)
        wait_until(lambda: not is_alive(grandchild), "the end of the orphan")
        self.assertIsNone(run.process.poll())
        self.assertEqual(run.stop(), EXIT_OK)

    def test_shutdown_kill_does_not_ask(self):
        run, _ = self.start_stubborn(shutdown="kill")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertTrue(run.find("worker.stop", worker="stubborn", killed="yes"), run.tail())

    def test_no_zombie_stays(self):
        """A worker's orphans are adopted, and reaped when they end."""
        orphan = "(setsid sh -c 'exit 0' &) ; exec sleep 1000000"
        run = self.start({"parent": {"command": ["sh", "-c", orphan], "heartbeat": "0s"}})

        def zombies():
            children = [pid for pid, parent in harness.parents().items() if parent == run.pid]
            return [pid for pid in children if not is_alive(pid)]

        wait_until(lambda: not zombies(), "the orphan to be reaped")
        self.assertEqual(run.stop(), EXIT_OK)


class SupervisorKilled(StopCase):
    """SIGKILL gives it no time for anything; yet nothing is left within a second."""

    def check_gone(self, run):
        run.kill()
        wait_until(lambda: not self.box.leftovers(), "everything to be gone", timeout=1.0)

    def test_plain_worker(self):
        self.check_gone(self.start({"idle": IDLE}))

    def test_worker_and_grandchild_that_ignore_sigterm(self):
        run, grandchild = self.start_stubborn(shutdown="infinity")
        self.check_gone(run)
        self.assertFalse(is_alive(grandchild))

    def test_trading_worker(self):
        trading = {"cycle": "50ms", "batch": "10", "feed": "synthetic"}
        run = self.start({"flow": {"trading": trading}})
        run.wait_for("worker.ready", worker="flow")
        self.check_gone(run)


if __name__ == "__main__":
    harness.main()
