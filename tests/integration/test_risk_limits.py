# SPDX-License-Identifier: Apache-2.0
"""Each limit of risk refuses what passes it: in the ledger, as an event with the figures; and what a person
has to clear stays over every restart.
"""

import os
import signal
import sys

import harness
from harness import EXIT_OK, wait_until

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_holds import HoldCase  # noqa: E402

DAY = 86400


class Refusals(HoldCase):
    def refused(self, run, rule, **fields):
        event = run.wait_for("order.refused", worker="flow", rule=rule)
        for key, value in fields.items():
            self.assertEqual(event[key], value, key)
        self.assertIn("cluster", event)

    def finish(self, run):
        self.assertEqual(run.count("worker.start"), 1)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_order_notional(self):
        run = self.start(risk={"max_order_notional": "9999"})
        self.assertEqual(self.trade("A"), "risk:max_order_notional")
        self.refused(run, "max_order_notional", value="10000.00000000", limit="9999.00000000",
                     symbol="A", side="buy", quantity="100.00000000", price="100.00000000")
        self.finish(run)

    def test_price_collar(self):
        run = self.start(risk={"price_collar": "5"})
        self.assertEqual(self.trade("A"), "risk:price_collar")
        self.assertIsNone(self.trade("A", price="105"))
        self.assertEqual(self.trade("B", price="100"), "risk:price_collar")
        self.assertEqual(self.trade("B", price="106"), "risk:price_collar")
        event = run.wait_for("order.refused", symbol="B", price="106.00000000")
        self.assertEqual((event["value"], event["limit"]), ("6.00000000", "5.00000000"))
        # The trade before is that of the journal, after a restart as before one.
        os.kill(run.worker_pid("flow"), signal.SIGKILL)
        run.wait_for("worker.ready", count=2)
        self.assertIsNone(self.trade("B", price="110"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_orders_per_cycle(self):
        for number in range(4):
            self.feed.add("S%d" % number, "buy", "100", seconds=1000)
        self.prepare(self.feed.section(follow="no", risk={"max_orders_per_cycle": "3"}))
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_OK)
        self.assertEqual([c.get("skipped") for c in self.ledger()["clusters"]],
                         [None, None, None, "risk:max_orders_per_cycle"])
        self.refused(run, "max_orders_per_cycle", value="3", limit="3", symbol="S3")

    def test_orders_per_day(self):
        run = self.start(orders={"max_orders_per_day": "1"})
        self.assertIsNone(self.trade("A"))
        self.assertEqual(self.trade("B"), "risk:max_orders_per_day")
        self.refused(run, "max_orders_per_day", value="1", limit="1")
        self.finish(run)

    def test_session(self):
        """The first trade is 10 s after 9:30 UTC, hours before the exchanges open; by the event's time."""
        run = self.start(risk={"session": "us_equities"})
        self.assertEqual(self.trade("A"), "risk:session")
        self.refused(run, "session", symbol="A")
        self.feed.add("B", "buy", "100", seconds=9001)  # 14:30:02 UTC
        wait_until(lambda: len(self.ledger()["clusters"]) == 2, "the cluster")
        self.assertIsNone(self.ledger()["clusters"][1].get("skipped"))
        self.finish(run)

    def test_kill_file(self):
        run = self.start(risk={"kill_file": "stop"})
        self.assertIsNone(self.trade("A"))
        path = self.box.file("stop", "")
        self.assertEqual(self.trade("B"), "risk:kill_file")
        self.refused(run, "kill_file", symbol="B")
        os.unlink(path)
        self.assertIsNone(self.trade("C"))
        self.finish(run)

    def test_a_kill_file_that_cannot_be_looked_for(self):
        self.box.file("no-directory", "")
        run = self.start(risk={"kill_file": "no-directory/stop"})
        self.assertEqual(self.trade("A"), "risk:kill_file")
        self.finish(run)

    def test_many_refusals_are_told_in_part(self):
        for number in range(50):
            self.feed.add("S%d" % number, "buy", "100")
        self.prepare(self.feed.section(follow="no", risk={"max_order_notional": "1"}))
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_OK)
        told = run.find("order.refused", rule="max_order_notional")
        self.assertEqual((len(told), told[-1]["not_told"]), (32, "18"))
        self.assertEqual({c["skipped"] for c in self.ledger()["clusters"]}, {"risk:max_order_notional"})


class Throttle(HoldCase):
    def test_it_latches_over_restarts(self):
        run = self.start(risk={"max_orders_per_minute": "2"})
        self.assertIsNone(self.trade("A"))
        self.assertIsNone(self.trade("B"))
        self.assertEqual(self.trade("C"), "risk:max_orders_per_minute")
        event = run.wait_for("order.refused", rule="max_orders_per_minute")
        self.assertEqual((event["value"], event["limit"]), ("2", "2"))
        run.wait_for("order.latched", worker="flow", rule="order_throttle")
        self.assertIn("HELD (flow: order_throttle: rule=max_orders_per_minute value=2 limit=2)", self.status())
        # Hours later, and after the death of everybody.
        run.kill()
        run = self.start(risk={"max_orders_per_minute": "2"})
        self.feed.number += 1000
        with open(self.feed.path) as file:
            self.assertEqual(len(file.readlines()), 4)
        self.feed.add("D", "buy", "100")
        wait_until(lambda: len(self.ledger()["clusters"]) == 4, "the cluster")
        self.assertEqual(self.ledger()["clusters"][3]["skipped"], "risk:order_throttle")
        self.resume("flow")
        self.feed.add("E", "buy", "100")
        wait_until(lambda: len(self.ledger()["clusters"]) == 5, "the cluster")
        self.assertIsNone(self.ledger()["clusters"][4].get("skipped"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_an_order_a_minute_ago_does_not_count(self):
        run = self.start(risk={"max_orders_per_minute": "1"})
        self.assertIsNone(self.trade("A"))
        self.feed.number += 5  # 60 s to the next
        self.feed.add("B", "buy", "100")
        wait_until(lambda: len(self.ledger()["clusters"]) == 2, "the cluster")
        self.assertIsNone(self.ledger()["clusters"][1].get("skipped"))
        self.assertEqual(run.stop(), EXIT_OK)


class DailyLoss(HoldCase):
    LIMIT = {"max_daily_loss": "500"}

    def lose(self):
        """Buy at 100, 100 pieces, and see the price fall to 94: more than the limit."""
        self.assertIsNone(self.trade("A"))
        self.trade("A", "sell", "100")   # fills the buy; asks for a sell, which is filled at the next
        self.assertIsNone(self.trade("B"))
        self.trade("B", "buy", "100")
        self.assertEqual(self.trade("B", "buy", "95"), "position_open")
        self.assertEqual(self.trade("B", "buy", "94.99"), "position_open")

    def test_it_latches_over_all_restarts_of_the_day(self):
        run = self.start(risk=self.LIMIT)
        self.lose()
        latched = run.wait_for("order.latched", worker="flow", rule="max_daily_loss")
        self.assertIn("value=501.00000000 limit=500.00000000", latched["reason"])
        self.assertEqual(self.trade("C"), "risk:max_daily_loss")
        self.assertIn("HELD (flow: max_daily_loss", self.status())
        os.kill(run.worker_pid("flow"), signal.SIGKILL)
        run.wait_for("worker.ready", worker="flow", count=2)
        self.assertEqual(self.trade("D"), "risk:max_daily_loss")
        run.kill()
        # What the price does now is no matter, nor is the next day.
        run = self.start(risk=self.LIMIT)
        self.trade("B", "buy", "100")
        self.assertEqual(self.trade("E"), "risk:max_daily_loss")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_resume_counts_anew(self):
        run = self.start(risk=self.LIMIT)
        self.lose()
        run.wait_for("order.latched")
        self.resume("flow")
        self.assertIsNone(self.trade("C"))
        run.wait_for("order.loss_forgiven", worker="flow", value="501.00000000")
        self.trade("B", "buy", "90")
        self.assertIsNone(self.trade("D"))
        self.trade("B", "buy", "89")
        run.wait_for("order.latched", count=2)
        self.assertEqual(self.trade("E"), "risk:max_daily_loss")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_less_than_the_limit(self):
        run = self.start(risk={"max_daily_loss": "501"})
        self.lose()
        self.assertIsNone(self.trade("C"))
        self.assertEqual(run.count("order.latched"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_a_limit_that_is_new(self):
        """The day's fills are in the journal."""
        run = self.start(paper={"fee_bps": "300"})
        self.assertIsNone(self.trade("A"))
        self.trade("A", "sell", "100")
        self.assertEqual(run.stop(), EXIT_OK)
        run = self.start(paper={"fee_bps": "300"}, risk={"max_daily_loss": "299"})
        self.assertEqual(self.trade("C"), "risk:max_daily_loss")
        latched = run.wait_for("order.latched")
        self.assertIn("value=300.00000000 limit=299.00000000", latched["reason"])
        self.assertEqual(run.stop(), EXIT_OK)

    def test_another_day(self):
        run = self.start(risk=self.LIMIT)
        self.assertIsNone(self.trade("B"))
        self.trade("B", "buy", "100")
        self.trade("B", "buy", "96")
        self.feed.number += DAY // 10
        self.feed.add("B", "buy", "94")
        self.feed.add("C", "buy", "94")
        wait_until(lambda: len(self.ledger()["clusters"]) == 5, "the clusters")
        self.assertIsNone(self.ledger()["clusters"][4].get("skipped"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_killed_at_every_point(self):
        """The same ledger and the same latch, whenever the worker is killed."""
        for symbol, price in (("B", 100), ("B", 100), ("C", 100), ("B", 94), ("D", 100), ("B", 100), ("E", 100)):
            self.feed.add(symbol, "buy", price)
        trading = self.feed.section(follow="no", risk=self.LIMIT, batch="3")
        self.prepare(trading, worker={"restart_delay": "1ms"})
        self.run_to_the_end()
        wanted = self.ledger()
        self.assertEqual([c.get("skipped") for c in wanted["clusters"]],
                         [None, "position_open", None, "position_open", "risk:max_daily_loss",
                          "position_open", "risk:max_daily_loss"])
        self.assertTrue(os.path.exists(os.path.join(self.box.state, "latches", "flow@max_daily_loss")))
        for point in ("journal.before_commit", "journal.after_commit", "journal.state_written"):
            for count in (1, 2, 3):
                with self.subTest(point=point, count=count):
                    box = harness.Box()
                    self.addCleanup(box.close)
                    self.box = box
                    self.prepare(trading, worker={"restart_delay": "1ms"})
                    self.kill_once(point, count)
                    self.assertEqual(self.ledger(), wanted)
                    self.assertTrue(os.path.exists(os.path.join(box.state, "latches", "flow@max_daily_loss")))

    def kill_once(self, point, count):
        """One life of a worker ends at that point; the next runs to the end."""
        call = harness.subprocess.run([harness.WORKER, "-c", self.box.config, "flow"],
                                      env=dict(self.box.environ, TRADESUP_KILL_AT="%s:%d" % (point, count)),
                                      stderr=harness.subprocess.DEVNULL, check=False)
        self.assertIn(call.returncode, (-signal.SIGKILL, 0))
        self.run_to_the_end()


if __name__ == "__main__":
    harness.main()
