# SPDX-License-Identifier: Apache-2.0
"""A worker that hangs is noticed, by whichever comes first: no packet, or no progress; and the other
reasons for level 3 that a worker can give.
"""

import os
import signal
import sys
import time

import harness
from harness import EXIT_ESCALATED, EXIT_OK, is_alive, misbehaving, wait_until


# A program that speaks sd_notify: ready, and a ping five times in a second.
SAYS_WATCHDOG = (
    "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
    "s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'READY=1'); "
    "[(s.send(b'WATCHDOG=1'), time.sleep(0.2)) for _ in iter(int, 1)]")


class Hang(harness.Case):
    def start(self, mode, supervisor=None, **settings):
        self.box.write_config({"w": misbehaving(mode, **settings)}, supervisor)
        return self.box.start()

    def check_restarted(self, run, why):
        hang = run.wait_for("worker.hang", worker="w")
        self.assertIn(why, str(hang.get("why")))
        pid = int(run.find("worker.start", worker="w")[0]["pid"])
        run.wait_for("self_healing.worker_thread_restart", worker="w")
        run.wait_for("worker.start", worker="w", count=2)
        self.assertFalse(is_alive(pid))

    def test_missed_heartbeats(self):
        run = self.start("silent", heartbeat="100ms", misses="3", cycle_timeout="60s")
        self.check_restarted(run, "heartbeat")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_no_progress(self):
        run = self.start("stuck", heartbeat="10s", cycle_timeout="300ms")
        self.check_restarted(run, "cycle")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_not_ready_in_time(self):
        run = self.start("never_ready", start_timeout="300ms")
        self.check_restarted(run, "ready")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_frozen_worker(self):
        """SIGSTOP: it answers nothing, not even SIGTERM."""
        run = self.start("good", heartbeat="100ms", shutdown="200ms")
        run.wait_for("worker.ready", worker="w")
        os.kill(run.worker_pid("w"), signal.SIGSTOP)
        self.check_restarted(run, "heartbeat")
        self.assertTrue(run.find("worker.stop", worker="w", killed="yes"), run.tail())
        self.assertEqual(run.stop(), EXIT_OK)

    def test_good_worker_is_left_alone(self):
        run = self.start("good", heartbeat="200ms", cycle_timeout="500ms")
        run.wait_for("worker.ready", worker="w")
        wait_until(lambda: self.cycle() > 100, "100 good cycles")
        self.assertEqual(run.count("worker.hang"), 0)
        self.assertEqual(run.count("worker.start", worker="w"), 1)
        self.assertEqual(run.stop(), EXIT_OK)

    def cycle(self):
        answer = self.box.ask("status worker=w")
        return max([int(word[6:]) for line in answer for word in line.split()
                    if word.startswith("cycle=")] or [0])

    def test_stopped_supervisor_does_not_take_its_own_sleep_for_silence(self):
        run = self.start("good", heartbeat="100ms", misses="3", cycle_timeout="1s")
        run.wait_for("worker.ready", worker="w")
        before = self.cycle()
        run.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() - stopped > 1.5, "longer than any deadline")
        run.signal(signal.SIGCONT)
        wait_until(lambda: self.cycle() > before + 50, "good cycles afterwards")
        self.assertEqual(run.count("worker.hang"), 0)
        self.assertEqual(run.count("worker.start", worker="w"), 1)
        self.assertEqual(run.stop(), EXIT_OK)


class Stall(harness.Case):
    """The supervisor is stopped for ten heartbeats of many workers."""

    WORKERS = 60
    BEAT_S, MISSES = 0.4, 5

    def start(self):
        worker = misbehaving("calm", heartbeat="%dms" % (self.BEAT_S * 1000), misses=str(self.MISSES),
                             cycle_timeout="3s")
        quiet = dict(worker, notify="systemd", watchdog="3s", command=[
            sys.executable, "-S", "-c", SAYS_WATCHDOG])
        workers = {"w%d" % i: worker for i in range(self.WORKERS - 1)}
        workers["sd"] = quiet
        self.box.write_config(workers)
        run = self.box.start()
        run.wait_for("worker.ready", count=self.WORKERS)
        return run

    def stop_for_ten_beats(self, run):
        run.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() - stopped > 10 * self.BEAT_S, "ten heartbeats")

    def cycles(self):
        rows = self.box.json("status")["workers"]
        return [row.get("cycle", 0) for row in rows if row["name"].startswith("w")]

    def go_on(self, but=()):
        """Wait until all have had deadlines enough to be blamed."""
        before = self.cycles()
        wait_until(lambda: all(now > then + 10 for i, (now, then) in
                               enumerate(zip(self.cycles(), before)) if "w%d" % i not in but),
                   "cycles of all")

    def test_nobody_is_blamed(self):
        run = self.start()
        for _ in range(2):
            self.stop_for_ten_beats(run)
            run.signal(signal.SIGCONT)
            self.go_on()
        self.assertEqual(run.count("worker.hang"), 0, run.tail())
        self.assertEqual(run.count("worker.start"), self.WORKERS)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.count("worker.stop", killed="yes"), 0)

    def test_who_hung_meanwhile_is_after_a_fresh_deadline(self):
        run = self.start()
        since = run.position()
        run.signal(signal.SIGSTOP)
        os.kill(run.worker_pid("w7"), signal.SIGSTOP)
        self.stop_for_ten_beats(run)
        resumed = time.monotonic()
        run.signal(signal.SIGCONT)
        run.wait_for("worker.hang", since=since, worker="w7")
        self.assertGreaterEqual(time.monotonic() - resumed, self.BEAT_S * self.MISSES)
        self.go_on(but=("w7",))
        self.assertEqual([event["worker"] for event in run.find("worker.hang")], ["w7"])
        os.kill(run.find("worker.start", worker="w7")[0]["pid"], signal.SIGCONT)
        run.wait_for("worker.start", worker="w7", count=2)
        self.assertEqual(run.count("worker.start"), self.WORKERS + 1)
        self.assertEqual(run.stop(), EXIT_OK)


class Level3(harness.Case):
    def start(self, mode, supervisor=None, **settings):
        self.box.write_config({"w": misbehaving(mode, **settings)}, supervisor)
        return self.box.start()

    def kinds(self):
        return {row["kind"] for row in self.box.json("healing")["rows"] if row["level"] == 3}

    def test_failed_cycles_in_a_row(self):
        run = self.start("failing", failed_cycles="5")
        run.wait_for("self_healing.worker_thread_restart", worker="w")
        self.assertEqual(run.count("cycle.failed", worker="w"), 5)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.kinds(), {"cycles"})

    def test_worker_that_asks_for_it(self):
        run = self.start("asks")
        run.wait_for("worker.start", worker="w", count=2)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.kinds(), {"requested"})

    def test_progress_limit(self):
        """No good cycle between restarts: it gives up, though the window alone never would."""
        run = self.start("one_failed_cycle", {"intensity": "3", "period": "1ms"})
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual(run.count("worker.start", worker="w"), 4)

    def test_good_cycles_keep_the_progress_limit_away(self):
        run = self.start("one_good_cycle", {"intensity": "3", "period": "1ms"})
        run.wait_for("worker.start", worker="w", count=10)
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
