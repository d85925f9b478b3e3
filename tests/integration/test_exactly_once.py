# SPDX-License-Identifier: Apache-2.0
"""Every order is sent exactly once as far as the broker can tell, whatever the network does and
whoever is killed at whatever moment: in the end both books agree.

Lies and kills come from a seed, $TRADESUP_SEED or one that the test prints. The long form is
`tests/soak orders`.
"""

import os
import random
import signal
import time
import unittest
from decimal import Decimal

import harness
from alpaca_book import Book
from alpaca_lies import Liar, Rule
from harness import EXIT_OK, is_alive
from real_broker import BrokerCase, differences
from test_kill_points import POINTS
from trading import WORKER_NAME

SEED = int(os.environ.get("TRADESUP_SEED", random.SystemRandom().randrange(10**6)))
SYMBOLS = int(os.environ.get("TRADESUP_TEST_SYMBOLS", "30"))
KILLS = int(os.environ.get("TRADESUP_TEST_KILLS", "8"))
ROUNDS = int(os.environ.get("TRADESUP_TEST_ROUNDS", "2"))

# The worker looks the more seldom the older an order is: long courses take long.
COURSES = ["at_once", "at_once", "instant", "instant", "after:2", "reject", ["partially_filled:0.4", "filled:1"],
           ["done_for_day", "filled:1"], ["partially_filled:0.3", "canceled:0.5"], ["held", "expired"]]


def course_of(terms):
    """An order's course, by its id: the same in every run."""
    return random.Random("%d/%s" % (SEED, terms["client_order_id"])).choice(COURSES)


class Network(BrokerCase):
    """Hundreds of orders, a network that lies, and kills. A round of the feed, a cluster for each symbol, comes
    when the orders of the last one are final, so that a slow machine sends as many as a fast one."""

    def setUp(self):
        super().setUp()
        print("# TRADESUP_SEED=%d" % SEED, flush=True)
        self.random = random.Random(SEED)
        self.standin.book.plan = course_of
        self.kills = 0

    def trade(self, share, kills):
        self.standin.liar = Liar(SEED, share=share, brief=0.1)
        self.prepare_rounds(0, SYMBOLS, batch="7", follow="yes")
        self.run = self.box.start()
        for turn in range(ROUNDS):
            self.add_round(turn, SYMBOLS)
            while self.kills < kills * (turn + 1) // ROUNDS and not self.is_round_over(turn):
                self.wait_for_requests(self.random.randrange(1, 2 * SYMBOLS))
                self.kill_one()
            harness.wait_until(lambda turn=turn: self.is_round_over(turn), "the end of round %d" % turn, 300, 0.2)
        self.assertEqual(self.run.count("order.mismatch"), 0, self.run.tail())
        self.check_the_end()

    def is_round_over(self, turn):
        """Whether all of its clusters are in the journal, and no order is live."""
        try:
            ledger = self.ledger()
        except AssertionError:
            return False  # no journal yet
        return len(ledger["clusters"]) == (turn + 1) * SYMBOLS and not any(
            order["status"] in ("intent", "sent", "open", "partially_filled") for order in ledger["orders"])

    def is_cash_told(self):
        return Decimal(self.ledger()["cash"]) == self.standin.book.cash

    def check_the_end(self):
        harness.wait_until(self.is_cash_told, "the cash after the last fill", interval=0.2)
        ledger = self.assert_books_agree()
        before = len(self.posts())
        lies = sum(note["lie"] is not None for note in self.standin.requests)
        print("# %d orders, %d at the broker, %d POSTs, %d requests, %d lies, %d kills" % (
            len(ledger["orders"]), len(self.standin.book.orders), before, len(self.standin.requests), lies,
            self.kills), flush=True)
        self.assertGreater(len(self.standin.book.orders), SYMBOLS * ROUNDS // 3, "a weak test")
        self.standin.calm()
        self.run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")
        self.run = self.box.start()
        looks = len(self.standin.seen("positions"))
        self.standin.wait_for(lambda: len(self.standin.seen("positions")) > looks, "one more life that looks around")
        self.run.wait_for("worker.ready")
        self.assertEqual(self.run.stop(), EXIT_OK)
        self.assertEqual(len(self.posts()), before)
        self.assertEqual(self.assert_books_agree()["orders"], ledger["orders"])

    def wait_for_requests(self, number):
        """Let the run go on until it has made so many more requests, or has nothing to ask for."""
        goal, deadline = len(self.standin.requests) + number, time.monotonic() + 5
        harness.wait_until(lambda: len(self.standin.requests) >= goal or time.monotonic() > deadline, "requests")

    def kill_one(self):
        """Kill the worker, or the supervisor, which is started again."""
        self.kills += 1
        worker = self.run.worker_pid(WORKER_NAME)
        if self.random.random() < 0.6 and worker and is_alive(worker):
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return
        self.run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")
        self.run = self.box.start()

    def test_truth(self):
        self.trade(share=0, kills=0)

    def test_lies(self):
        self.trade(share=0.4, kills=0)

    def test_lies_and_kills(self):
        self.trade(share=0.3, kills=KILLS)


@unittest.skipUnless(POINTS, "built without -Dkill_points=true")
class EveryStep(BrokerCase):
    """Two orders, a buy and a sell, and a life that ends at the first step, one that ends at the second, and so
    on, until one gets to the end."""

    def check(self, rules=(), plan="at_once", at_least=10):
        step = 0
        while True:
            step += 1
            self.begin_afresh(plan, rules)
            status = self.work(kill_at="*:%d" % step)
            if status == EXIT_OK:
                break
            self.assertEqual(status, -signal.SIGKILL, self.output[-3000:])
            with self.subTest(step=step):
                self.assert_done()
        print("# %d steps" % (step - 1), flush=True)
        self.assertGreater(step, at_least, "a weak test")
        ledger, posts = self.assert_done(), len(self.posts())
        self.assert_work_ends()
        self.assertEqual(len(self.posts()), posts)
        self.assertEqual(self.ledger()["orders"], ledger["orders"])

    def begin_afresh(self, plan, rules):
        """Another box, and a broker that has nothing yet."""
        self.box.close()
        self.box = harness.Box()
        self.addCleanup(self.box.close)
        self.standin.stop()
        self.begin(Book(plan=plan))
        self.standin.tell(*(Rule(kind, answer, **more) for kind, answer, more in rules))
        self.prepare_rounds(2, 1, cycle="20ms", batch="1")

    def assert_done(self):
        """The buy was sent and filled, and no order is there twice; the sell may have come too early."""
        for _ in range(5):  # an order that is open and known may stay when the feed ends
            self.assert_work_ends()
            if all(order["status"] == "filled" for order in self.ledger()["orders"]):
                break
        ledger = self.assert_books_agree()
        self.assertIn([order["status"] for order in ledger["orders"]], (["filled"], ["filled", "filled"]))
        return ledger

    def test_truth(self):
        self.check()

    def test_answer_lost_and_order_hidden(self):
        self.check(rules=[("place", "504", {"hide": 0.15})])

    def test_request_lost(self):
        self.check(rules=[("place", "reset", {"accept": False})])

    def test_filled_in_parts(self):
        self.check(plan="partial")


class Comparison(unittest.TestCase):
    """The comparison of the books sees what it is there for."""

    def setUp(self):
        book = Book(plan="instant")
        self.order = book.place({"symbol": "S", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day",
                                 "client_order_id": "one"})
        self.book = book
        self.ledger = {
            "cash": str(book.cash), "positions": [{"symbol": "S", "quantity": "2"}],
            "orders": [{"client_order_id": "one", "symbol": "S", "side": "buy", "quantity": "2", "status": "filled",
                        "broker_id": self.order.id}],
            "fills": [{"client_order_id": "one", "quantity": "2", "price": "100"}]}

    def found(self):
        return differences(self.book.snapshot(), self.ledger)

    def test_books_that_agree(self):
        self.assertEqual(self.found(), [])

    def test_an_order_that_was_sent_twice(self):
        self.book.orders.append(self.order)
        self.assertEqual(self.found(), ["one: 2 orders at the broker"])

    def test_an_order_that_was_forgotten(self):
        self.ledger["orders"] = []
        self.assertIn("one: at the broker, not in the journal", self.found())

    def test_an_order_that_was_lost(self):
        self.book.orders.clear()
        self.assertEqual(self.found(), ["one: filled in the ledger, not at the broker"])

    def test_figures_that_differ(self):
        for what, key, value in (("fills", "quantity", "1"), ("fills", "price", "99"), ("positions", "quantity", "3"),
                                 ("orders", "quantity", "1"), ("orders", "side", "sell"), ("orders", "status", "open")):
            with self.subTest(what=what, key=key):
                self.setUp()
                self.ledger[what][0][key] = value
                self.assertTrue(self.found())
        self.setUp()
        self.ledger["cash"] = "1"
        self.assertEqual(len(self.found()), 1)


if __name__ == "__main__":
    harness.main()
