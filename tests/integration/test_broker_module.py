# SPDX-License-Identifier: Apache-2.0
"""The strategy module's file is replaced while a position and an order are open at a real broker: nothing becomes of
either, and what is loaded next is the new one.
"""

import os
import shutil
import sqlite3

import harness
from fakesup import Worker
from real_broker import BrokerCase, alpaca_section, differences
from trading import WORKER_NAME

ALLOW = {"TRADESUP_ALLOW_FAULTS": "1"}
# Each event is a cluster of as many trades as there were events, and of a notional that is the module's version.
FIRST, SECOND = (os.path.join(harness.BUILD, "tests", "loader_%s.so" % name) for name in ("first", "second"))
START_NS = 1700000000 * 10**9


class Replaced(BrokerCase):
    def setUp(self):
        super().setUp()
        self.module = os.path.join(self.box.path, "mine.so")
        shutil.copy(FIRST, self.module)
        self.standin.book.plan = lambda terms: "never" if terms["symbol"] == "S1" else "at_once"
        self.feed = self.box.file("feed.csv", "time,symbol,side,price,size,id\n")
        self.rows = 0
        trading = alpaca_section(self.standin.url, self.feed, timeout="30s", **self.files)
        del trading["flow_cluster"]
        trading.update(strategy=self.module, cycle="10ms", file=dict(trading["file"], follow="yes"))
        self.prepare(trading, worker={"cycle_timeout": "600s"})

    def life(self):
        worker = Worker(self.box, name=WORKER_NAME, environ=ALLOW)
        self.addCleanup(worker.kill)
        return worker

    def trade(self, worker, symbol, side, event):
        """One more event, and what became of it: a cluster in the ledger, once @event was told of its order."""
        since = worker.position()
        self.rows += 1
        with open(self.feed, "a") as feed:
            feed.write("%d,%s,%s,100,1,%d\n" % (START_NS + self.rows * 10**9, symbol, side, self.rows))
        if event:
            worker.wait_for("event", since, name=event)
        else:
            worker.wait_for("cycle", since, clusters=1)
        cluster = self.ledger()["clusters"][self.rows - 1]
        self.assertEqual(cluster["trades"], self.rows)
        return cluster

    def assert_version(self, cluster, version):
        self.assertEqual(cluster["notional"], "0.0000000%d" % version)

    def replace(self):
        shutil.copy(SECOND, self.module + ".new")
        os.rename(self.module + ".new", self.module)

    def books_agree(self):
        """But for the cash, which is read when no order is open."""
        ledger, state = self.ledger(), self.standin.state()
        self.assert_all_known(ledger)
        self.assertEqual([what for what in differences(state, ledger) if not what.startswith("cash ")], [])
        self.assertEqual(state["breaches"], [])
        return ledger

    def open_both(self, worker):
        """A position in S0, and an order in S1 that stays open."""
        self.assert_version(self.trade(worker, "S0", "buy", "order.filled"), 1)
        self.assert_version(self.trade(worker, "S1", "buy", "order.open"), 1)
        ledger = self.books_agree()
        self.assertEqual([order["status"] for order in ledger["orders"]], ["filled", "open"])
        self.assertEqual([position["symbol"] for position in ledger["positions"]], ["S0"])
        return ledger

    def assert_untouched(self, before):
        after = self.books_agree()
        for key in ("orders", "fills", "positions", "clusters"):
            self.assertEqual(after[key], before[key], key)
        self.assertEqual(len(self.posts()), 2)
        self.assertEqual(self.standin.seen("cancel") + self.standin.seen("cancel_all"), [])

    def check_the_new_one(self, worker):
        """It sees the order that is open, and closes the position."""
        cluster = self.trade(worker, "S1", "buy", None)
        self.assert_version(cluster, 2)
        self.assertEqual(cluster["skipped"], "order_open")
        self.assert_version(self.trade(worker, "S0", "sell", "order.filled"), 2)
        ledger = self.books_agree()
        self.assertEqual([order["status"] for order in ledger["orders"]], ["filled", "open", "filled"])
        self.assertEqual(ledger["positions"], [])
        with sqlite3.connect(os.path.join(self.box.state, WORKER_NAME, "journal.db")) as journal:
            hashes = [row[0] for row in journal.execute("SELECT module_hash FROM orders ORDER BY number")]
        self.assertEqual(hashes[0], hashes[1])
        self.assertNotEqual(hashes[1], hashes[2], "the order is not the new module's")
        self.assertFalse(os.path.exists(os.path.join(self.box.state, "latches", "flow@module_fallback")))

    def test_a_good_file_changes_nothing_by_itself(self):
        worker = self.life()
        before = self.open_both(worker)
        self.replace()
        worker.wait_for("cycle", worker.position(), count=20, error=None)
        self.assertEqual(worker.find("heal"), [])
        self.assert_untouched(before)
        cluster = self.trade(worker, "S1", "buy", None)
        self.assert_version(cluster, 1)

    def test_it_is_in_use_after_a_reload(self):
        """The worker goes on: level 2 loads what is there now."""
        worker = self.life()
        before = self.open_both(worker)
        self.replace()
        worker.send("fault", "import")
        self.assertIn("module loaded again", worker.wait_for("heal", outcome="success")["detail"])
        worker.wait_for("cycle", worker.position(), count=5, error=None)
        self.assert_untouched(before)
        self.check_the_new_one(worker)
        self.assertEqual(worker.stop(), harness.EXIT_OK)

    def check_restart(self, ends):
        worker = self.life()
        before = self.open_both(worker)
        self.replace()
        getattr(worker, ends)()
        worker = self.life()
        worker.wait_for("cycle", count=5, error=None)
        self.assert_untouched(before)
        self.check_the_new_one(worker)
        self.assertEqual(worker.stop(), harness.EXIT_OK)

    def test_it_is_in_use_after_a_kill(self):
        self.check_restart("kill")

    def test_it_is_in_use_after_a_stop(self):
        self.check_restart("stop")


if __name__ == "__main__":
    harness.main()
