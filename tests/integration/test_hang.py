# SPDX-License-Identifier: Apache-2.0
"""A worker that hangs is noticed, by whichever comes first: no packet, or no progress; and the other
reasons for level 3 that a worker can give.
"""

import os
import signal
import time

import harness
from harness import EXIT_ESCALATED, EXIT_OK, is_alive, misbehaving, wait_until


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
