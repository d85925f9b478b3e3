# SPDX-License-Identifier: Apache-2.0
"""The system refuses something: the supervisor says so, tries again, and goes on."""

import errno
import os
import resource
import signal
import unittest

import harness
from harness import BUILD, EXIT_OK, SANITIZED, Case, open_descriptors

LIBRARY = os.path.join(BUILD, "tests", "libfail_calls.so")
WORKER = {"command": ["sleep", "1000000"], "heartbeat": "0s", "restart_delay": "10ms",
          "restart_delay_max": "100ms"}
NO_LIMIT = {"intensity": "1000000", "period": "1s"}
TIMES = 5


@unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
class Refused(Case):
    def check(self, call, number):
        """The first start passes, the next ones fail, and then one goes through."""
        self.box.write_config({"w": WORKER}, NO_LIMIT)
        run = self.box.start(environ={"LD_PRELOAD": LIBRARY,
                                      "FAIL_CALL": "%s:%d:1:%d" % (call, number, TIMES)})
        run.wait_for("supervisor.ready")
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        run.wait_for("worker.start", worker="w", count=2)
        failures = run.find("worker.start_failed", worker="w", step=call)
        self.assertEqual([event["errno"] for event in failures], [number] * TIMES)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])

    def test_clone_without_processes(self):
        self.check("clone", errno.EAGAIN)

    def test_clone_without_memory(self):
        self.check("clone", errno.ENOMEM)

    def test_socketpair_without_descriptors(self):
        self.check("socketpair", errno.EMFILE)

    def test_log_without_room(self):
        self.box.write_config({"w": WORKER}, NO_LIMIT)
        run = self.box.start(environ={"LD_PRELOAD": LIBRARY,
                                      "FAIL_CALL": "write:%d:3:%d" % (errno.ENOSPC, TIMES)})
        run.wait_for("supervisor.ready")
        while run.count("log.dropped") == 0:
            self.kill_current("w")
        self.assertGreater(sum(event["count"] for event in run.find("log.dropped")), 0)
        self.assertEqual(run.count("worker.start_failed"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def kill_current(self, name):
        """Kill the worker as `status` knows it, and wait until another one is up."""
        def pid():
            return self.box.json("status")["workers"][0].get("pid") or 0

        old = harness.wait_until(pid, "a worker that is up")
        os.kill(old, signal.SIGKILL)
        harness.wait_until(lambda: pid() not in (0, old), "the next life")


class Limits(Case):
    def test_descriptors_run_out_and_come_back(self):
        self.box.write_config({"w": WORKER}, NO_LIMIT)
        run = self.box.start()
        run.wait_for("supervisor.ready")
        before = resource.prlimit(run.pid, resource.RLIMIT_NOFILE)
        few = (open_descriptors(run.pid) - 3, before[1])
        resource.prlimit(run.pid, resource.RLIMIT_NOFILE, few)
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        run.wait_for("worker.start_failed", worker="w", errno=errno.EMFILE)
        resource.prlimit(run.pid, resource.RLIMIT_NOFILE, before)
        run.wait_for("worker.start", worker="w", count=2)
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
