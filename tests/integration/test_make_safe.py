# SPDX-License-Identifier: Apache-2.0
"""Make safe: the worker's own command between its death and its restart, and before the
supervisor gives up; with the facts, within its deadline, and never in the way.
"""

import json
import os
import signal
import sys

import harness
from harness import EXIT_ESCALATED, EXIT_OK, Case, misbehaving, wait_until

# Notes the facts and whether the worker lives, as a line of JSON; then does what it is told.
STEP = r"""
import json, os, sys
facts = {k: v for k, v in os.environ.items() if k.startswith("TRADESUP_")}
facts["alive"] = os.path.exists("/proc/%s" % facts["TRADESUP_PID"])
facts["link"] = os.path.exists("/proc/self/fd/3") and os.readlink("/proc/self/fd/3").startswith("socket:")
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(facts) + "\n")
exec(sys.argv[2])
"""


class MakeSafe(Case):
    def start(self, worker, then="", when=None, supervisor=None, timeout="30s"):
        self.notes = os.path.join(self.box.path, "notes")
        step = {"command": [sys.executable, "-S", "-c", STEP, self.notes, then], "timeout": timeout}
        if when:
            step["when"] = when
        self.box.write_config({"bot": dict(worker, make_safe=step)}, supervisor)
        return self.box.start()

    def noted(self):
        try:
            with open(self.notes, encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def idle(self, **settings):
        return dict({"command": ["sleep", "1000000"], "heartbeat": "0s", "restart_delay_max": "1ms"},
                    **settings)

    def test_between_death_and_restart(self):
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        run = self.start(self.idle(), "open(%r).read()" % gate)
        pid = int(run.wait_for("worker.start")["pid"])
        os.kill(pid, signal.SIGSEGV)
        run.wait_for("self_healing.worker_thread_restart")
        wait_until(self.noted, "the step")
        [worker] = self.box.json("status")["workers"]
        self.assertEqual(worker["state"], "making_safe")
        self.assertEqual(run.count("worker.start"), 1)
        with open(gate, "w"):
            pass
        run.wait_for("worker.start", count=2)
        self.assertEqual(run.wait_for("worker.make_safe")["outcome"], "success")
        [facts] = self.noted()
        self.assertEqual({key: facts.get("TRADESUP_" + key) for key in
                          ("MAKE_SAFE", "CAUSE", "PID", "SIGNAL", "CYCLE", "WORKER", "FD")},
                         {"MAKE_SAFE": "crash", "CAUSE": "crash", "PID": str(pid), "SIGNAL": "SEGV",
                          "CYCLE": "-1", "WORKER": "bot", "FD": None})
        self.assertFalse(facts["alive"])
        self.assertFalse(facts["link"])
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(len(self.noted()), 1)  # a stop that was asked for is no death

    def test_hang(self):
        run = self.start(misbehaving("silent", heartbeat="100ms"))
        run.wait_for("worker.hang")
        run.wait_for("worker.start", count=2)
        self.assertEqual(self.noted()[0]["TRADESUP_MAKE_SAFE"], "hang")

    def test_only_when_it_is_meant(self):
        run = self.start(self.idle(), when="hang")
        os.kill(int(run.wait_for("worker.start")["pid"]), signal.SIGKILL)
        run.wait_for("worker.start", count=2)
        self.assertEqual((self.noted(), run.count("worker.make_safe")), ([], 0))

    def test_before_the_end(self):
        run = self.start({"command": ["false"], "heartbeat": "0s", "restart_delay_max": "1ms"},
                         when=["escalate"], supervisor={"intensity": 1})
        self.assertEqual(run.wait(), EXIT_ESCALATED)
        [facts] = self.noted()
        self.assertEqual((facts["TRADESUP_MAKE_SAFE"], facts["TRADESUP_STATUS"]), ("escalate", "1"))
        names = [event["event"] for event in run.events]
        self.assertLess(names.index("worker.make_safe"), names.index("self_healing.service_restart"))

    def test_its_failure_stops_nothing(self):
        run = self.start(self.idle(), "sys.exit(3)")
        os.kill(int(run.wait_for("worker.start")["pid"]), signal.SIGKILL)
        failed = run.wait_for("worker.make_safe")
        self.assertEqual((failed["outcome"], failed["status"]), ("failed", 3))
        run.wait_for("worker.start", count=2)

    def test_its_hang_has_a_deadline(self):
        run = self.start(self.idle(), "import signal; signal.pause()", timeout="200ms")
        os.kill(int(run.wait_for("worker.start")["pid"]), signal.SIGKILL)
        failed = run.wait_for("worker.make_safe")
        self.assertEqual((failed["outcome"], failed["why"]), ("failed", "deadline passed"))
        run.wait_for("worker.start", count=2)

    def test_a_program_that_is_not_there(self):
        self.box.write_config({"bot": self.idle(make_safe={"command": ["/no/such"]})})
        run = self.box.start()
        os.kill(int(run.wait_for("worker.start")["pid"]), signal.SIGKILL)
        self.assertEqual(run.wait_for("worker.make_safe")["error"], "No such file or directory")
        run.wait_for("worker.start", count=2)

    def test_a_stop_waits_for_it(self):
        """Asked to stop in the middle of it, the supervisor lets it finish."""
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        run = self.start(self.idle(), "open(%r).read()" % gate)
        os.kill(int(run.wait_for("worker.start")["pid"]), signal.SIGKILL)
        wait_until(self.noted, "the step")
        run.signal(signal.SIGTERM)
        wait_until(lambda: self.box.call("status").returncode != EXIT_OK
                   or self.box.json("status")["supervisor"]["state"] == "stopping", "the stop")
        with open(gate, "w"):
            pass
        self.assertEqual(run.wait(), EXIT_OK)
        self.assertEqual(run.wait_for("worker.make_safe")["outcome"], "success")
        self.assertEqual(run.count("worker.start"), 1)

    def test_an_operators_start_comes_first(self):
        run = self.start(self.idle(), "import signal; signal.pause()")
        os.kill(int(run.wait_for("worker.start")["pid"]), signal.SIGKILL)
        wait_until(self.noted, "the step")
        self.assertEqual(self.box.call("restart", "bot").returncode, EXIT_OK)
        run.wait_for("worker.start", count=2)
        self.assertEqual(run.wait_for("worker.make_safe")["why"],
                         "the worker was started before it had ended")
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
