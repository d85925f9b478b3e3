# SPDX-License-Identifier: Apache-2.0
"""The cycle's pace and its traces: messages, the heartbeat file, counts over restarts."""

import json
import os
import time
from collections import Counter

import harness
from fakesup import WorkerCase
from harness import EXIT_OK, TIMEOUT


def counts(words):
    """As the figures have them."""
    return '"%s"' % ",".join("%s:%d" % count for count in sorted(Counter(words).items()))


class Cycle(WorkerCase):
    def test_the_heartbeat_file_has_the_keys_that_watchers_read(self):
        before = time.time()
        worker = self.start()
        worker.wait_for("cycle", count=2)
        beat = self.json("heartbeat.json")
        self.assertLessEqual(before - 1, beat["last_heartbeat_ts"])
        self.assertLessEqual(beat["last_heartbeat_ts"], time.time() + 1)
        self.assertRegex(beat["last_heartbeat_dt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")
        self.assertIs(beat["running"], True)
        self.assertGreaterEqual(beat["iter_count"], 1)
        for key in ("events", "dropped", "clusters", "orders", "fills", "failed_cycles", "heals"):
            self.assertIsInstance(beat["metrics"][key], int)

    def test_the_count_of_cycles_goes_on_over_restarts_and_kills(self):
        worker = self.start()
        worker.wait_for("cycle", count=3)
        worker.stop()
        first = self.json("heartbeat.json")["iter_count"]
        worker = self.start()
        worker.wait_for("cycle", count=3)
        worker.kill()
        second = self.json("heartbeat.json")["iter_count"]
        self.assertGreaterEqual(second, first + 3)
        self.assertEqual(self.run_alone("--once").process.returncode, EXIT_OK)
        self.assertEqual(self.json("heartbeat.json")["iter_count"], second + 1)

    def test_a_heartbeat_of_another_program_is_taken_over_as_far_as_it_goes(self):
        os.makedirs(self.path())
        self.replace('{"last_heartbeat_ts": 1, "iter_count": "x", "metrics": []}', "heartbeat.json")
        self.assertEqual(self.run_alone("--once").process.returncode, EXIT_OK)
        self.assertEqual(self.json("heartbeat.json")["iter_count"], 1)

    def test_the_fail_counter_is_0_at_the_start(self):
        os.makedirs(self.path())
        self.replace('{"consecutive": 7}', "fail_counter.json")
        worker = self.start()
        worker.wait_for("cycle")
        counter = self.json("fail_counter.json")
        self.assertEqual((counter["consecutive"], counter["last_error"]), (0, None))

    def test_the_messages_count_what_the_ledger_has(self):
        self.configure(cycle="0s", batch="1000", synthetic={"seed": "3", "events": "20000"})
        worker = self.start()
        self.assertEqual(worker.end(), EXIT_OK)
        ledger = json.loads(self.call("-c", self.box.config, "--ledger", "--json", "flow").stdout)
        reports = worker.find("cycle")
        self.assertEqual(sum(r["clusters"] for r in reports), len(ledger["clusters"]))
        self.assertEqual(sum(r["orders"] for r in reports), len(ledger["orders"]))
        self.assertGreater(len(ledger["orders"]), 0)
        beat = self.json("heartbeat.json")["metrics"]
        self.assertEqual(beat["events"], ledger["events"])
        self.assertEqual(beat["fills"], len(ledger["fills"]))

    def test_the_last_figures_are_the_ledgers(self):
        self.configure(cycle="0s", batch="1000", synthetic={"seed": "3", "events": "20000"},
                       orders={"max_orders_per_day": "3"}, flow_cluster={"min_notional": "1000", "cooldown": "1s"})
        worker = self.start()
        self.assertEqual(worker.end(), EXIT_OK)
        ledger = json.loads(self.call("-c", self.box.config, "--ledger", "--json", "flow").stdout)
        figures = dict(field.split("=") for field in worker.find("figures")[-1]["fields"].split())
        self.assertLess(int(figures.pop("feed_age_ms")), TIMEOUT * 1000)
        refused = [cluster["skipped"] for cluster in ledger["clusters"] if "risk:" in cluster.get("skipped", "")]
        self.assertGreater(len(refused), 0)
        self.assertEqual(figures, {
            "equity": ledger["equity"], "cash": ledger["cash"], "positions": str(len(ledger["positions"])),
            "orders": counts(order["status"] for order in ledger["orders"]),
            "refused": counts(skipped.replace("risk:", "") for skipped in refused)})

    def test_without_a_pause_the_heartbeat_file_is_written_seldom(self):
        self.configure(cycle="0s", batch="1")
        worker = self.start()
        inodes = set()
        for number in range(1, 201):
            worker.wait_for("cycle", count=number)
            inodes.add(os.stat(self.path("heartbeat.json")).st_ino)
        self.assertLess(len(inodes), 100)
        worker.stop()
        beat = self.json("heartbeat.json")
        self.assertEqual(beat["iter_count"], len(worker.find("cycle")))

    def test_cycles_keep_their_pace(self):
        """From the start of one cycle to the start of the next; a slow machine only makes it longer."""
        self.configure(cycle="50ms")
        worker = self.start()
        worker.wait_for("cycle")
        start = time.monotonic()
        worker.wait_for("cycle", count=6)
        self.assertGreaterEqual(time.monotonic() - start, 0.2)

    def test_a_feed_that_has_nothing_now_does_not_spin(self):
        path = self.box.file("trades.csv", "time,symbol,side,price,size,id\n"
                             "2026-01-05T09:30:00Z,A,buy,1,1,1\n")
        self.configure(cycle="0s", feed="file", file={"path": path, "follow": "yes"})
        worker = self.start()
        worker.wait_for("cycle", count=2)
        start = time.monotonic()
        worker.wait_for("cycle", count=7)
        self.assertGreaterEqual(time.monotonic() - start, 0.5)
        with open(path, "a") as file:
            file.write("2026-01-05T09:30:01Z,A,buy,1,1,2\n")
        harness.wait_until(lambda: self.json("heartbeat.json")["metrics"]["events"] == 2,
                           "the new event")

    def test_reload_reads_the_registry_again(self):
        worker = self.start()
        worker.wait_for("cycle")
        worker.send("reload")
        worker.wait_for("cycle", worker.position(), count=2, error=None)
        self.assertEqual(worker.find("heal"), [])


if __name__ == "__main__":
    harness.main()
