# SPDX-License-Identifier: Apache-2.0
"""The service's memory over its own death: after too many escalations with no good cycle in between it
comes up held; killed and stopped supervisors do not count.
"""

import os

import harness
from harness import EXIT_ESCALATED, EXIT_OK, Case, misbehaving, wait_until

RESUME = ("resume", "--reason", "looked into it")


class Service(Case):
    def configure(self, mode="dies", **settings):
        worker = {"command": ["sh", "-c", "exit 1"]} if mode == "dies" else misbehaving(mode)
        self.box.write_config({"bot": worker}, dict({"intensity": "0"}, **settings))

    def escalate(self, times=1, held=False):
        for _ in range(times):
            run = self.box.start()
            self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
            self.assertEqual(run.count("supervisor.held"), int(held))

    def come_up(self, mode="silent", **settings):
        self.configure(mode, **settings)
        run = self.box.start()
        run.wait_for("worker.ready", worker="bot")
        return run

    def test_the_fourth_start_is_held(self):
        self.configure()
        self.escalate(3)
        run = self.come_up("obeys")
        held = run.wait_for("supervisor.held", rule="service_intensity")
        self.assertEqual(held["reason"], "escalated 3 times in 10m with no good cycle")
        first = self.box.call("status").stdout.splitlines()[0]
        self.assertIn("HELD (all workers: service_intensity: escalated 3 times in 10m with no good cycle)", first)
        worker = self.box.json("status")["workers"][0]
        self.assertEqual((worker["held"], worker["state"]), ("service_intensity", "up"))
        wait_until(lambda: "service_intensity" in self.box.json("status")["workers"][0].get("status", ""),
                   "the worker to know")
        self.assertEqual(run.stop(), EXIT_OK)

        # A good cycle of a worker that is held does not lift it, nor does a restart.
        run = self.come_up("obeys")
        run.wait_for("supervisor.held", rule="service_intensity")
        self.assertEqual(self.box.call(*RESUME).returncode, EXIT_OK)
        wait_until(lambda: self.box.json("status")["workers"][0].get("status") == "free", "the end of it")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.come_up().count("supervisor.held"), 0)

    def test_resume_with_nothing_running_gives_the_tries_back(self):
        self.configure()
        self.escalate(3)
        self.escalate(held=True)
        self.assertEqual(self.box.call(*RESUME).returncode, EXIT_OK)
        self.assertFalse(os.path.exists(os.path.join(self.box.state, "service")))
        self.escalate(3)
        self.escalate(held=True)

    def test_a_good_cycle_in_between(self):
        self.configure()
        self.escalate(2)
        self.configure("one_good_cycle")
        self.escalate()
        self.configure()
        self.escalate(2)
        self.escalate(held=True)

    def test_killed_and_stopped_is_not_escalated(self):
        for _ in range(4):
            run = self.come_up()
            run.kill()
        run = self.come_up()
        self.assertEqual(run.count("supervisor.held"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_an_old_escalation_does_not_count(self):
        self.configure(service_period="1ms")
        self.escalate(4)

    def test_no_limit(self):
        self.configure(service_intensity="0")
        self.escalate(5)

    def test_a_limit_of_one(self):
        self.configure(service_intensity="1")
        self.escalate()
        self.escalate(held=True)

    def test_a_damaged_history(self):
        self.box.file("state/service", "no time\n")
        run = self.come_up()
        held = run.wait_for("supervisor.held", rule="service_intensity")
        self.assertEqual(held["reason"], "the history of escalations: damaged, moved aside")
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
