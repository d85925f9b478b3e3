# SPDX-License-Identifier: Apache-2.0
"""A feed that has grown stale, with a real broker: what then comes and is old places no order, though the feed answers
all the while; what is fresh does again.
"""

import os
import signal
import time

import harness
from data_standin import KEY_ID, SECRET, DataServer, rfc3339
from real_broker import BrokerCase, alpaca_section
from trading import WORKER_NAME

MAX_AGE_S = 1
HOUR_NS = 3600 * 10**9


class Stale(BrokerCase):
    def setUp(self):
        super().setUp()
        self.standin.key = (KEY_ID, SECRET)
        for path, text in zip(self.files.values(), self.standin.key):
            with open(path, "w") as file:
                file.write(text + "\n")
        self.data = DataServer(step=0)
        self.addCleanup(self.data.close)
        self.prepare_feed()

    def prepare_feed(self, **cluster):
        trading = alpaca_section(self.standin.url, "", timeout="30s", **self.files)
        del trading["file"]
        trading["flow_cluster"] = dict(trading["flow_cluster"], **cluster)
        trading.update(cycle="10ms", feed="alpaca", alpaca_data={
            "base_url": self.data.url, "symbols": ["S0", "S1", "S2"], "interval": "10ms",
            "feed_max_age": "%ds" % MAX_AGE_S})
        self.prepare(trading, worker={"cycle_timeout": "600s"})

    def add(self, symbol, ns, price):
        self.data.records.append({"ns": ns, "symbol": symbol, "trade": {
            "t": rfc3339(ns), "x": "V", "i": "#%d#" % len(self.data.records), "p": "#%s#" % price, "s": "#10#",
            "c": ["@"], "z": "C"}})

    def show(self, symbol, ns, price="100"):
        """One more trade, a buy."""
        with self.data.lock:
            self.add(symbol, ns, price)
            self.data.visible = len(self.data.records)

    def show_fresh(self, symbol):
        """However slow it all is: of the future."""
        self.show(symbol, time.time_ns() + HOUR_NS)

    def check_stale(self, lie):
        with self.running() as run:
            asked = self.data.count()
            self.show_fresh("S0")
            run.wait_for("order.filled", symbol="S0")
            # At or behind where the feed's cursor is now.
            harness.wait_until(lambda: self.data.count() > asked, "a poll")
            seconds = self.data.requests[asked][0]
            self.data.always = lie
            run.wait_for("feed.stale")
            asked = self.data.count()
            harness.wait_until(lambda: self.data.count() > asked + 1, "more polls")
            harness.wait_until(lambda: time.time() > seconds + 2 * MAX_AGE_S, "a trade of then to be old")
            self.show("S1", int(seconds * 1e9))
            self.data.always = None
            refused = run.wait_for("order.refused", symbol="S1")
            self.assertEqual(refused["rule"], "stale_feed")
            self.assertEqual(refused["worker"], WORKER_NAME)
            run.wait_for("feed.recovered")
            self.assertEqual(len(self.posts()), 1)
            self.show_fresh("S2")
            run.wait_for("order.filled", symbol="S2")
            self.assertEqual(run.count("worker.start"), 1)
            self.assertEqual(run.count("order.refused"), 1)
            run.stop()
        ledger = self.assert_books_agree()
        self.assertEqual([(cluster["symbol"], cluster.get("skipped")) for cluster in ledger["clusters"]],
                         [("S0", None), ("S1", "risk:stale_feed"), ("S2", None)])

    def test_after_answers_with_nothing_in_them(self):
        self.check_stale(None)

    def test_after_an_outage(self):
        self.check_stale("500")

    def check_catching_up(self, restart):
        """More than one poll can hold: it comes in parts, and what the second brings is as old as the first."""
        begin = time.time_ns() - HOUR_NS
        self.data.page = 2  # of 1000 pages that a poll has
        with self.running() as run:
            self.show("S0", begin, price="1000")
            run.wait_for("order.refused", symbol="S0")
            run.wait_for("feed.stale")
            with self.data.lock:
                for number in range(2100):
                    self.add("S1", begin + number * 10**9, "1")
                self.add("S2", begin + 2000 * 10**9, "1000")
                self.data.records.sort(key=lambda row: row["ns"])
                self.data.visible = len(self.data.records)
            if restart:
                run.wait_for("feed.recovered")
                os.kill(run.worker_pid(WORKER_NAME), signal.SIGKILL)
            self.assertEqual(run.wait_for("order.refused", symbol="S2")["rule"], "stale_feed")
            run.stop()
        self.assertEqual(self.posts(), [])
        self.assertEqual(self.ledger()["events"], 2102)

    def test_catching_up_in_parts(self):
        self.prepare_feed(min_event_notional="5000")
        self.check_catching_up(restart=False)

    def test_catching_up_in_parts_over_a_kill(self):
        self.prepare_feed(min_event_notional="5000")
        self.check_catching_up(restart=True)

    def test_over_a_restart(self):
        """The worker ends while the feed is stale; its first poll finds nothing, a later one something old."""
        with self.running() as run:
            asked = self.data.count()
            self.show_fresh("S0")
            run.wait_for("order.filled", symbol="S0")
            harness.wait_until(lambda: self.data.count() > asked, "a poll")
            seconds = self.data.requests[asked][0]
            run.wait_for("feed.stale")
            run.stop()
        harness.wait_until(lambda: time.time() > seconds + 2 * MAX_AGE_S, "a trade of then to be old")
        with self.running() as run:
            run.wait_for("worker.ready")
            asked = self.data.count()
            harness.wait_until(lambda: self.data.count() > asked + 2, "polls")
            self.show("S1", int(seconds * 1e9))
            self.assertEqual(run.wait_for("order.refused", symbol="S1")["rule"], "stale_feed")
            run.stop()
        self.assertEqual(len(self.posts()), 1)


if __name__ == "__main__":
    harness.main()
