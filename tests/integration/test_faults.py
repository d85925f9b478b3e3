# SPDX-License-Identifier: Apache-2.0
"""The system refuses something: the supervisor says so, tries again, and goes on."""

import errno
import os
import resource
import signal
import threading
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
        self.check_log(errno.ENOSPC)

    def test_log_on_a_broken_disk(self):
        self.check_log(errno.EIO)

    def check_log(self, number):
        self.box.write_config({"w": WORKER}, NO_LIMIT)
        run = self.box.start(environ={"LD_PRELOAD": LIBRARY,
                                      "FAIL_CALL": "write:%d:3:%d" % (number, TIMES)})
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


@unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
class RefusedForAWhile(Case):
    """A call fails as long as a file is there."""

    def start(self, call, number, workers=None, environ=None):
        self.occasion = os.path.join(self.box.path, "refuse")
        self.box.write_config(workers or {"w": WORKER}, NO_LIMIT)
        run = self.box.start(environ=dict(environ or {}, LD_PRELOAD=LIBRARY,
                                          FAIL_CALL="%s:%d:0:0" % (call, number),
                                          FAIL_WHILE=self.occasion))
        run.wait_for("supervisor.ready")
        return run

    def refuse(self):
        self.box.file("refuse", "")

    def grant(self):
        os.unlink(self.occasion)

    def check_start(self, call, number, step):
        """Tried again with growing delays while it is refused; nothing is left of the tries."""
        run = self.start(call, number)
        descriptors = open_descriptors(run.pid)
        self.refuse()
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        run.wait_for("worker.start_failed", worker="w", step=step, errno=number, count=TIMES)
        self.assertEqual(run.count("worker.start", worker="w"), 1)
        self.assertEqual(run.count("worker.exit", worker="w"), 1)
        delays = [event["delay_ms"] for event in run.find("worker.backoff", worker="w")]
        self.assertGreater(delays[2], delays[0])
        self.grant()
        run.wait_for("worker.start", worker="w", count=2)
        harness.wait_until(lambda: open_descriptors(run.pid) <= descriptors, "the descriptors of before")
        self.assertEqual(run.noise, [])
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])

    def test_epoll_without_room(self):
        self.check_start("epoll_add", errno.ENOSPC, "epoll")

    def test_epoll_without_memory(self):
        self.check_start("epoll_add", errno.ENOMEM, "epoll")

    def test_clone(self):
        self.check_start("clone", errno.EAGAIN, "clone")

    def test_pidfd_of_a_clone(self):
        """clone(2) makes the pidfd, too, and has no descriptor for it."""
        self.check_start("clone", errno.EMFILE, "clone")

    def guardian(self, run):
        def find():
            for pid in harness.descendants(run.pid):
                with open("/proc/%d/comm" % pid) as file:
                    if file.read().strip() == "tradesup-guard":
                        return pid
            return None

        return harness.wait_until(find, "the guardian")

    def check_guardian(self, call, number):
        run = self.start(call, number)
        self.refuse()
        os.kill(self.guardian(run), signal.SIGKILL)
        refused = run.wait_for("guardian.restart")
        self.assertEqual(refused["error"], os.strerror(number))
        self.grant()
        run.wait_for("guardian.restart", count=2)
        self.assertEqual(run.count("guardian.restart", error=os.strerror(number)), 1)
        self.guardian(run)
        run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the new guardian's work")

    def test_guardian_without_a_process(self):
        self.check_guardian("fork", errno.EAGAIN)

    def test_guardian_without_a_pidfd(self):
        self.check_guardian("pidfd_open", errno.EMFILE)

    def test_guardian_that_epoll_does_not_take(self):
        self.check_guardian("epoll_add", errno.ENOSPC)

    def test_orphan_without_a_pidfd(self):
        """Ending what a worker left behind needs no descriptor."""
        leaves = "(setsid sleep 1000000 &) ; echo left; exec sleep 1000000"
        run = self.start("pidfd_open", errno.EMFILE, {"w": dict(WORKER, command=["sh", "-c", leaves])})
        run.wait_for("worker.output", line="left")
        self.refuse()
        before = set(self.box.leftovers())
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        run.wait_for("worker.start", worker="w", count=2)
        harness.wait_until(lambda: not before - {run.pid} & set(self.box.leftovers()) - {
            self.guardian(run)}, "the orphan's end")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])

    def test_control_socket_without_descriptors(self):
        """Who asks meanwhile waits, and is answered."""
        run = self.start("accept4", errno.EMFILE)
        self.refuse()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.box.call("status")))
        asking.start()
        for life in (2, 3):
            os.kill(run.worker_pid("w"), signal.SIGKILL)
            run.wait_for("worker.start", worker="w", count=life)
        self.assertEqual(answers, [])
        self.grant()
        asking.join()
        self.assertEqual(answers[0].returncode, EXIT_OK, answers[0].stderr)
        self.assertEqual(run.stop(), EXIT_OK)

    def check_state(self, number):
        """Reports and counts cannot be written; what can be made up for is."""
        run = self.start("write_file", number)
        self.refuse()
        for life in (2, 3):
            os.kill(run.worker_pid("w"), signal.SIGKILL)
            run.wait_for("worker.start", worker="w", count=life)
        failed = run.wait_for("crash.write_failed", count=2)
        self.assertEqual(failed["error"], os.strerror(number))
        failed = run.wait_for("healing.store_failed")
        self.assertEqual(failed["error"], os.strerror(number))
        self.grant()
        harness.wait_until(self.tried, "the counts of what happened meanwhile")
        self.assertEqual(self.tried(), 2)
        self.assertEqual(run.count("healing.store_failed"), 1)
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        harness.wait_until(lambda: len(os.listdir(os.path.join(self.box.state, "crashes"))) == 1,
                           "the next report, and nothing half written")
        self.assertEqual(run.stop(), EXIT_OK)

    def tried(self):
        return sum(row["tried"] for row in self.box.json("healing")["rows"] if row["worker"] == "w")

    def test_state_without_room(self):
        self.check_state(errno.ENOSPC)

    def test_state_on_a_broken_disk(self):
        self.check_state(errno.EIO)

    def test_state_within_a_quota(self):
        self.check_state(errno.EDQUOT)


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
