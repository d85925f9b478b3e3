# SPDX-License-Identifier: Apache-2.0
"""Hundreds of crashes leave the supervisor's descriptors and memory as they were."""

import sys

import harness
from harness import EXIT_OK, SANITIZED, Case, open_descriptors, rss_bytes, wait_until

NO_LIMIT = {"intensity": "10000", "period": "1s"}
CRASHES = 300
WARM = 50


class Crashes(Case):
    def check(self, command, event, **settings):
        worker = dict({"command": command, "heartbeat": "0s", "restart_delay": "1ms",
                       "restart_delay_max": "1ms"}, **settings)
        self.box.write_config({"bad": worker}, NO_LIMIT)
        run = self.box.start()
        run.wait_for(event, worker="bad", count=WARM)
        descriptors, memory = open_descriptors(run.pid), rss_bytes(run.pid)
        run.wait_for(event, worker="bad", count=WARM + CRASHES, timeout=3 * harness.TIMEOUT)
        # A start in progress holds some descriptors for a moment.
        wait_until(lambda: open_descriptors(run.pid) <= descriptors, "the descriptors of before")
        if not SANITIZED:
            self.assertLess(rss_bytes(run.pid) - memory, 4 << 20)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])

    def test_plain_crashes(self):
        self.check(["sh", "-c", "echo out; echo err >&2; exit 1"], "worker.exit")

    def test_crashes_that_leave_a_child(self):
        self.check(["sh", "-c", "sleep 1000000 & exit 1"], "worker.exit")

    def test_children_with_a_session_of_their_own(self):
        self.check(["sh", "-c", "setsid sleep 1000000 & exit 1"], "worker.exit")

    def test_crashes_of_a_worker_with_a_notify_socket(self):
        self.check([sys.executable, "-S", "-c", "raise SystemExit(1)"], "worker.exit",
                   notify="systemd")


if __name__ == "__main__":
    harness.main()
