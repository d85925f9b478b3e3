# SPDX-License-Identifier: Apache-2.0
"""How a worker begins, waits and ends: supervised, and alone."""

import os
import signal

import harness
from fakesup import WorkerCase
from harness import EXIT_ESCALATED, EXIT_OK, EXIT_OSERR


class Supervised(WorkerCase):
    def test_hello_then_ready_then_cycles(self):
        worker = self.start()
        worker.wait_for("cycle", count=3)
        kinds = [message["type"] for message in worker.messages]
        self.assertEqual(kinds[0], "hello")
        self.assertEqual(kinds.count("hello"), 1)
        self.assertEqual(kinds.count("ready"), 1)
        self.assertLess(kinds.index("ready"), kinds.index("cycle"))
        self.assertEqual(worker.messages[0]["version"], 1)
        self.assertEqual(worker.messages[0]["name"], "flow")
        self.assertEqual(worker.messages[0]["pid"], worker.process.pid)

    def test_a_first_start_has_nothing_to_heal(self):
        worker = self.start()
        worker.wait_for("cycle", count=3)
        self.assertEqual(worker.find("heal"), [])

    def test_every_cycle_is_reported_once_in_order_with_its_phases(self):
        worker = self.start()
        worker.wait_for("cycle", count=5)
        reports = worker.find("cycle")
        self.assertEqual([r["cycle"] for r in reports], list(range(1, len(reports) + 1)))
        self.assertEqual([r["error"] for r in reports], [None] * len(reports))
        phases = [m["phase"] for m in worker.find("heartbeat", cycle=2)]
        self.assertEqual(phases[:3], ["pre_check", "fetch", "report"])

    def test_stop_ends_with_bye_and_0(self):
        worker = self.start()
        worker.wait_for("cycle")
        self.assertEqual(worker.stop(), EXIT_OK)
        self.assertEqual(worker.messages[-1]["type"], "bye")
        self.assertIs(self.json("heartbeat.json")["running"], False)

    def test_sigterm_does_the_same(self):
        worker = self.start()
        worker.wait_for("cycle")
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.end(), EXIT_OK)
        self.assertEqual(worker.messages[-1]["type"], "bye")

    def test_stop_is_noticed_at_once_however_long_the_cycle(self):
        self.configure(cycle="1h")
        worker = self.start()
        worker.wait_for("heartbeat", phase="idle")
        self.assertEqual(worker.stop(), EXIT_OK)

    def test_heartbeats_while_it_waits(self):
        self.configure(cycle="1h", worker={"heartbeat": "100ms"})
        worker = self.start()
        worker.wait_for("heartbeat", count=4, phase="idle", cycle=1)

    def test_the_end_of_the_link_ends_the_worker(self):
        self.configure(cycle="1h")
        worker = self.start()
        worker.wait_for("heartbeat", phase="idle")
        worker.link.close()
        self.assertEqual(worker.status(), EXIT_OK)
        self.assertIs(self.json("heartbeat.json")["running"], False)

    def test_a_feed_that_ends_ends_the_worker(self):
        self.configure(synthetic={"seed": "1", "events": "95"})
        worker = self.start()
        self.assertEqual(worker.end(), EXIT_OK)
        self.assertEqual(worker.messages[-1]["type"], "bye")
        beat = self.json("heartbeat.json")
        self.assertIs(beat["running"], False)
        self.assertEqual(beat["metrics"]["events"], 95)

    def test_it_prints_nothing(self):
        self.configure(synthetic={"seed": "1", "events": "95"})
        worker = self.start()
        worker.end()
        self.assertEqual((worker.out, worker.err), ("", ""))

    def test_garbage_and_strangers_are_passed_over(self):
        worker = self.start()
        worker.wait_for("cycle")
        worker.link.send(b"\xc1garbage")
        worker.send("dance", 1, 2)
        worker.send("ready")
        since = worker.position()
        worker.wait_for("cycle", since, count=3, error=None)
        self.assertEqual(worker.stop(), EXIT_OK)

    def test_a_fault_is_refused_unless_allowed(self):
        worker = self.start()
        worker.wait_for("cycle")
        worker.send("fault", "name")
        worker.wait_for("status", text="fault refused")
        worker.wait_for("cycle", worker.position(), count=3)
        self.assertEqual(worker.find("heal"), [])

    def test_the_state_directory_of_the_environment_wins(self):
        elsewhere = os.path.join(self.box.path, "elsewhere")
        worker = self.start(environ={"TRADESUP_STATE_DIR": elsewhere})
        worker.wait_for("cycle")
        self.assertEqual(worker.stop(), EXIT_OK)
        self.assertTrue(os.path.exists(os.path.join(elsewhere, "flow", "heartbeat.json")))
        self.assertFalse(os.path.exists(self.box.state))

    def test_a_worker_has_its_state_to_itself(self):
        worker = self.start()
        worker.wait_for("cycle")
        second = self.start()
        self.assertEqual(second.end(), EXIT_OSERR)
        self.assertIn("another process is worker flow", second.err)
        self.assertEqual(worker.stop(), EXIT_OK)


class Alone(WorkerCase):
    def test_it_runs_to_the_end_of_its_feed(self):
        self.configure(synthetic={"seed": "1", "events": "95"})
        worker = self.run_alone()
        self.assertEqual(worker.process.returncode, EXIT_OK)
        self.assertIn("worker.ready worker=flow", worker.err)
        self.assertIn("worker.exit worker=flow why=feed_ended", worker.err)

    def test_once_is_one_cycle(self):
        worker = self.run_alone("--once")
        self.assertEqual(worker.process.returncode, EXIT_OK)
        beat = self.json("heartbeat.json")
        self.assertEqual((beat["iter_count"], beat["metrics"]["events"]), (1, 10))

    def test_events_are_log_lines(self):
        self.assertEqual(self.run_alone("--once").process.returncode, EXIT_OK)
        self.replace("no json", "heartbeat.json")
        worker = self.run_alone("--once")
        self.assertIn("self_healing.pre_check_heal_success worker=flow level=1 kind=name "
                      "name=StateFiles.BOT_HEARTBEAT cycle=1", worker.err)

    def test_it_gives_up_after_failed_cycles(self):
        self.configure(feed="file", file={"path": "/nonexistent.csv"},
                       worker={"failed_cycles": "2"})
        worker = self.run_alone()
        self.assertEqual(worker.process.returncode, EXIT_ESCALATED)
        self.assertEqual(worker.err.count("cycle.failed worker=flow"), 2)
        self.assertIn("/nonexistent.csv", worker.err)

    def test_a_failed_once_shows(self):
        self.configure(feed="file", file={"path": "/nonexistent.csv"})
        self.assertEqual(self.run_alone("--once").process.returncode, EXIT_ESCALATED)

    def test_interrupt_ends_it_in_order(self):
        worker = self.start(supervised=False)
        harness.wait_until(lambda: os.path.exists(self.path("heartbeat.json")), "a heartbeat")
        worker.process.send_signal(signal.SIGINT)
        self.assertEqual(worker.status(), EXIT_OK)
        self.assertIn("why=signal", worker.err)


if __name__ == "__main__":
    harness.main()
