# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump change no decision: a time of day that is set, a machine that slept, a
monotonic clock that went on while nothing ran.
"""

import os
import signal
import struct
import sys
import threading
import time
import unittest

import harness
from harness import BUILD, EXIT_ESCALATED, EXIT_OK, SANITIZED, Case, misbehaving, wait_until

LIBRARY = os.path.join(BUILD, "tests", "libshift_clocks.so")
QUICK = {"heartbeat": "0s", "restart_delay": "0s", "restart_delay_max": "0s"}
IDLE = dict(QUICK, command=["sleep", "1000000"])
GOOD = misbehaving("good", heartbeat="300ms", misses="3", cycle_timeout="2s")
WAITS_LONG = dict(IDLE, restart_delay="1h", restart_delay_max="1h")
STUBBORN = ("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
            "while True: signal.pause()")
MINUTE, HOUR, YEAR = 60, 3600, 365 * 86400
WINDOW = {"intensity": "2", "period": "1h"}


def seconds_to(year):
    return int(time.mktime((year, 6, 1, 0, 0, 0, 0, 0, 0)) - time.time())


@unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
class ClockCase(Case):
    def start(self, workers, supervisor=None, more=""):
        self.clocks = self.box.file("clocks", bytes(16))
        path = self.box.write_config(workers, supervisor)
        with open(path, "a") as file:
            file.write(more)
        run = self.box.start(environ={"LD_PRELOAD": LIBRARY, "CLOCKS": self.clocks})
        run.wait_for("supervisor.ready")
        return run

    def shift(self, real_s=0, monotonic_s=0):
        """From now on the clocks differ by so much from the true ones."""
        with open(self.clocks, "r+b") as file:
            file.write(struct.pack("=qq", real_s * 10**9, monotonic_s * 10**9))

    def status(self, name):
        """Also makes the loop look at its timers: its sleep is by the kernel's clock."""
        workers = self.box.json("status")["workers"]
        return [row for row in workers if row["name"] == name][0]

    def cycles_go_on(self):
        before = self.status("good").get("cycle", 0)
        wait_until(lambda: self.status("good").get("cycle", 0) > before + 30, "good cycles")

    def kill(self, run, name):
        since = run.position()
        os.kill(run.worker_pid(name), signal.SIGKILL)
        return run.wait_for("worker.exit", since=since, worker=name)

    def start_stop(self, name):
        """Ask for a stop that is not granted yet. Return: the thread that waits for it."""
        thread = threading.Thread(target=self.box.call, args=("stop", name))
        thread.start()
        wait_until(lambda: self.status("deaf")["state"] == "stopping", "the stop")
        return thread

    def deaf(self, **settings):
        program = self.box.file("deaf.py", STUBBORN)
        return dict(QUICK, command=[sys.executable, "-S", program], **settings)


class TimeOfDay(ClockCase):
    def check(self, real_s, year=None):
        """Restarts before and after count together; delays, deadlines, beats are as they were."""
        # In a group of its own: one that waits for a stop does nothing else meanwhile.
        group = harness.config_section("group g", {"worker deaf": self.deaf(shutdown="1h")})
        run = self.start({"good": GOOD, "bad": IDLE, "later": WAITS_LONG},
                         dict(WINDOW, intensity="3"), more=group)
        run.wait_for("worker.output", worker="deaf", line="deaf")
        run.wait_for("worker.ready", worker="good")
        self.kill(run, "later")
        self.kill(run, "bad")
        run.wait_for("worker.start", worker="bad", count=2)
        stopping = self.start_stop("deaf")

        self.shift(real_s)
        self.cycles_go_on()
        self.kill(run, "bad")
        run.wait_for("worker.start", worker="bad", count=3)
        self.assertEqual(self.status("deaf")["state"], "stopping")
        self.assertEqual(self.status("later")["state"], "waiting")
        self.assertLess(0, self.status("later")["next_ms"])
        self.assertLessEqual(self.status("later")["next_ms"], HOUR * 1000)
        self.assertEqual(run.count("worker.hang") + run.count("supervisor.stall"), 0)
        self.check_records(run, year)

        os.kill(run.worker_pid("deaf"), signal.SIGKILL)
        stopping.join()
        self.assertFalse(run.find("worker.stop", worker="deaf", killed="yes"))
        self.kill(run, "bad")
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual(run.count("worker.start", worker="good"), 1)
        self.assertEqual(self.box.leftovers(), [])

    def check_records(self, run, year):
        """Stamps may tell the new time, and what shows them takes it."""
        reports = os.path.join(self.box.state, "crashes")
        wait_until(lambda: len(os.listdir(reports)) == 3, "three reports")
        for verb in (["crashes"], ["crashes", "--last"], ["healing"], ["events"], ["why", "bad"]):
            result = self.box.call(*verb)
            self.assertEqual(result.returncode, EXIT_OK, result.stderr)
            if year and verb[0] in ("crashes", "why") and "--last" not in verb:
                self.assertIn("%d-" % year, result.stdout, verb)

    def test_a_year_back(self):
        self.check(-YEAR)

    def test_a_year_forward(self):
        self.check(YEAR)

    def test_before_1970(self):
        self.check(seconds_to(1965), 1965)

    def test_after_2038(self):
        self.check(seconds_to(2100), 2100)

    def test_started_before_1970(self):
        """A board without a battery for its clock, which is set later."""
        self.clocks = self.box.file("clocks", struct.pack("=qq", seconds_to(1969) * 10**9, 0))
        self.box.write_config({"good": GOOD, "bad": IDLE}, WINDOW)
        run = self.box.start(environ={"LD_PRELOAD": LIBRARY, "CLOCKS": self.clocks})
        run.wait_for("worker.ready", worker="good")
        self.kill(run, "bad")
        run.wait_for("worker.start", worker="bad", count=2)
        self.shift(0)
        self.cycles_go_on()
        self.kill(run, "bad")
        run.wait_for("worker.start", worker="bad", count=3)
        self.assertEqual(run.count("worker.hang"), 0)
        self.assertEqual(run.stop(), EXIT_OK)
        names = sorted(os.listdir(os.path.join(self.box.state, "crashes")))
        self.assertEqual(len(names), 2)
        self.assertTrue(names[0].startswith("1969"), names)


class Monotonic(ClockCase):
    """It jumps: as after a stall, everybody begins with fresh deadlines."""

    def test_heartbeats_and_cycles(self):
        run = self.start({"good": GOOD})
        run.wait_for("worker.ready", worker="good")
        for jump in (1, 2):
            self.shift(0, jump * HOUR)
            self.cycles_go_on()
        run.wait_for("supervisor.stall")
        self.assertEqual(run.count("worker.hang"), 0)
        self.assertEqual(run.count("worker.start"), 1)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_window(self):
        """What is within the period by this clock counts, before the jump and after it."""
        run = self.start({"good": GOOD, "bad": IDLE}, WINDOW)
        for life in (2, 3):
            self.kill(run, "bad")
            run.wait_for("worker.start", worker="bad", count=life)
            self.shift(0, life * 10 * MINUTE)
        self.cycles_go_on()
        self.kill(run, "bad")
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())

    def test_backoff(self):
        run = self.start({"good": GOOD, "later": WAITS_LONG})
        self.kill(run, "later")
        run.wait_for("worker.backoff", worker="later")
        self.shift(0, 10 * MINUTE)
        self.cycles_go_on()
        self.assertLessEqual(self.status("later")["next_ms"], 50 * MINUTE * 1000)
        self.assertGreater(self.status("later")["next_ms"], 40 * MINUTE * 1000)
        self.shift(0, 2 * HOUR)
        self.status("later")
        run.wait_for("worker.start", worker="later", count=2)
        self.assertEqual(run.stop(), EXIT_OK)

    def check_stop(self, run, name):
        """The first jump over the deadline only renews it, the second one ends it."""
        run.wait_for("worker.output", worker="deaf", line="deaf")
        stopping = self.start_stop(name)
        self.shift(0, 2 * HOUR)
        self.status("deaf")
        run.wait_for("supervisor.stall")
        self.assertEqual(self.status("deaf")["state"], "stopping")
        self.shift(0, 4 * HOUR)
        self.status("deaf")
        run.wait_for("worker.stop", worker="deaf", killed="yes")
        stopping.join()
        self.assertEqual(run.stop(), EXIT_OK)

    def test_stop_of_a_worker(self):
        self.check_stop(self.start({"deaf": self.deaf(shutdown="1h")}), "deaf")

    def test_stop_of_a_group(self):
        group = harness.config_section("group g", {
            "shutdown": "1h", "worker deaf": self.deaf(shutdown="infinity")})
        self.check_stop(self.start({"other": IDLE}, more=group), "g")

    def test_make_safe(self):
        """Its deadline is renewed once, too."""
        self.box.file("safe.sh", "echo $$ >'%s/safe'; exec sleep 1000000\n" % self.box.path)
        bad = dict(IDLE, make_safe={"command": ["sh", os.path.join(self.box.path, "safe.sh")],
                                    "timeout": "1h"})
        run = self.start({"bad": bad}, {"intensity": "0"})
        self.kill(run, "bad")
        wait_until(lambda: os.path.exists(os.path.join(self.box.path, "safe")), "its program")
        self.shift(0, 2 * HOUR)
        self.status("bad")
        run.wait_for("supervisor.stall")
        self.status("bad")
        self.assertEqual(run.count("worker.make_safe"), 0)
        self.shift(0, 4 * HOUR)
        self.box.call("status")  # the answer, if any, is of no interest
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertTrue(run.find("worker.make_safe", why="deadline passed"), run.tail())


if __name__ == "__main__":
    harness.main()
