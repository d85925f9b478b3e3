# SPDX-License-Identifier: Apache-2.0
"""Making safe and the ledger: what is done with a worker's journal while it does not run."""

import json
import os

import harness
from fakesup import WorkerCase
from harness import EXIT_OK, EXIT_OSERR, EXIT_UNAVAILABLE

CONFIG = {"flow_cluster": {"min_trades": "1", "min_notional": "1"},
          "feed": "file", "file": {"path": "trades.csv"}}
HEADER = "time,symbol,side,price,size,id\n"


class MakeSafe(WorkerCase):
    def trade(self, rows):
        """A feed of buys, a second apart, each of another symbol: every order stays open."""
        lines = ["2026-01-05T09:30:%02dZ,S%d,buy,10,100,%d\n" % (n, n, n) for n in range(rows)]
        self.box.file("trades.csv", HEADER + "".join(lines))
        self.configure(**CONFIG)
        self.assertEqual(self.run_alone().process.returncode, EXIT_OK)

    def make_safe(self):
        return self.call("--make-safe", "-c", self.box.config, "flow")

    def ledger(self):
        result = self.call("--ledger", "--json", "-c", self.box.config, "flow")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        return json.loads(result.stdout)

    def test_open_orders_are_canceled_once(self):
        self.trade(3)
        self.assertEqual([o["status"] for o in self.ledger()["orders"]], ["open"] * 3)
        result = self.make_safe()
        self.assertEqual((result.returncode, result.stdout),
                         (EXIT_OK, "flow: 3 open orders canceled\n"))
        self.assertEqual([o["status"] for o in self.ledger()["orders"]], ["canceled"] * 3)
        self.assertEqual(self.make_safe().stdout, "flow: 0 open orders canceled\n")

    def test_one_that_never_traded_is_safe(self):
        result = self.make_safe()
        self.assertEqual((result.returncode, result.stdout),
                         (EXIT_OK, "flow: never traded, nothing to cancel\n"))
        self.assertFalse(os.path.exists(self.box.state))

    def test_not_while_it_runs(self):
        worker = self.start()
        worker.wait_for("cycle")
        self.assertEqual(self.make_safe().returncode, EXIT_UNAVAILABLE)
        self.assertEqual(self.call("--ledger", "-c", self.box.config, "flow").returncode, EXIT_OK)
        self.assertEqual(worker.stop(), EXIT_OK)

    def test_a_feed_that_is_gone_and_a_broken_registry_do_not_matter(self):
        self.trade(1)
        os.unlink(os.path.join(self.box.path, "trades.csv"))
        self.replace("state_files {", "registry.conf")
        self.assertEqual(self.make_safe().stdout, "flow: 1 open order canceled\n")
        self.assertEqual(len(self.ledger()["orders"]), 1)

    def test_a_corrupt_journal_is_said_and_left(self):
        self.trade(1)
        with open(self.path("journal.db"), "wb") as file:
            file.write(b"noise" * 5000)
        for option in ("--make-safe", "--ledger"):
            result = self.call(option, "-c", self.box.config, "flow")
            self.assertEqual(result.returncode, EXIT_OSERR)
            self.assertIn("journal.db", result.stderr)

    def test_no_ledger_before_the_first_trade(self):
        result = self.call("--ledger", "-c", self.box.config, "flow")
        self.assertEqual(result.returncode, EXIT_OSERR)
        self.assertIn("has not traded yet", result.stderr)


if __name__ == "__main__":
    harness.main()
