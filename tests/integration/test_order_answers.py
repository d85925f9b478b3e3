# SPDX-License-Identifier: Apache-2.0
"""Answers that are none, that are true in another form, or that are true of a moment ago: whatever
a broker and what stands before it make of an answer, the order is there once, and both books agree.
"""

from decimal import Decimal

import harness
from alpaca_book import Book
from alpaca_lies import Rule
from real_broker import BrokerCase

# A request was taken, and its answer says nothing of that, or something else: to the order, and to the look-up that
# comes next.
NO_ANSWERS = [("308", "no_quantity"), ("409", "other_terms"), ("400", "double_key"), ("too_short", "chunk_broken"),
              ("too_long", "chunk_cut")]
OTHER_FORMS = ["gzip", "chunked", "http10", "continue", "numbers", "odd_form", "close_after"]


class Answers(BrokerCase):
    def begin_afresh(self, plan="at_once"):
        self.standin.stop()
        self.box.close()
        self.box = harness.Box()
        self.addCleanup(self.box.close)
        self.begin(Book(plan=plan))

    def trade(self, *rules, plan="at_once", rounds=1, posts=1, **settings):
        """A buy, and a sell behind it if there are two rounds, under these rules; and nobody is called for them."""
        self.begin_afresh(plan)
        self.standin.tell(*rules)
        self.prepare_rounds(rounds, 1, cycle="20ms", batch="1", timeout="10s", **settings)
        self.assert_work_ends()
        self.assertNotIn("order.mismatch", self.output)
        ledger = self.assert_books_agree()
        first = ledger["orders"][0]
        self.assertEqual((first["status"], len(self.posts(first["client_order_id"]))), ("filled", posts), self.output)
        return ledger

    def show_all(self, _request):
        """For a rule's `where`: what was hidden is seen from now on."""
        for order in self.standin.book.orders:
            order.visible_from = 0.0
        return True

    def test_no_answers(self):
        """None of them is the last word."""
        for first, second in NO_ANSWERS:
            with self.subTest(first=first, second=second):
                self.trade(Rule("place", first), Rule("lookup", second))
                self.assertGreater(len(self.standin.seen("lookup")), 1)

    def test_the_truth_in_other_forms(self):
        for answer in OTHER_FORMS:
            with self.subTest(answer=answer):
                self.trade(Rule("any", answer, times=None), plan="partial" if answer == "numbers" else "at_once",
                           settle="100ms")
                # A request can meet the end of a connection that its last answer closed: that is no answer.
                if answer != "close_after":
                    self.assertNotIn("broker.unreachable", self.output)

    def test_a_fill_whose_price_is_told_later(self):
        self.trade(Rule("lookup", "no_price", times=3), plan="partial")
        self.assertNotIn("broker.unreachable", self.output)

    def test_a_gateway_that_knows_no_such_path(self):
        """Its 404 is JSON, too, and is not the broker's."""
        self.trade(Rule("place", "none"), Rule("lookup", "404_gateway", times=3), settle="100ms")

    def test_a_look_at_a_copy_that_lags(self):
        """A part is filled, and the next look shows none of it."""
        self.trade(Rule("lookup", "stale", skip=2, wait=3600), plan="partial")

    def test_a_copy_that_never_gets_on(self):
        """Less is filled than was, and stays so: that is for a person."""
        self.begin_afresh(plan="partial_stays")
        self.standin.tell(Rule("lookup", "stale", skip=1, times=None, wait=3600))
        self.prepare_rounds(1, 1, cycle="20ms", settle="200ms")
        with self.running() as run:
            self.assertIn("less of it is filled", run.wait_for("order.mismatch")["reason"])

    def test_an_id_in_use_in_other_words(self):
        """Not shown for longer than `settle`, so it is sent again; and that it is there is told in other words."""
        self.trade(Rule("place", "none", hide=3600),
                   Rule("place", "422_words", accept=False, where=self.show_all), posts=2)

    def test_a_second_request_refused_for_want_of_money(self):
        """It is the first that has used it up, and is not shown yet."""
        self.trade(Rule("place", "none", hide=3600),
                   Rule("place", "403", accept=False, where=self.show_all), posts=2)

    def test_a_second_request_refused_and_no_first(self):
        """Nobody has it: given up with the broker's words."""
        self.begin_afresh()
        self.standin.tell(Rule("place", "none", accept=False), Rule("place", "403", accept=False))
        self.prepare_rounds(1, 1, cycle="20ms")
        self.assert_work_ends()
        order, = self.assert_books_agree()["orders"]
        self.assertEqual((order["status"], len(self.posts())), ("expired", 2))
        self.assertIn("insufficient buying power", order["reason"])

    def test_turned_away_and_taken_all_the_same(self):
        """A 429 that is not true, and the order too old to be sent again when the broker may be asked."""
        self.trade(Rule("place", "429_taken"), max_age="1s")

    def test_an_account_that_is_shown_late(self):
        """The cash before the last fill is not what the report ends with."""
        self.trade(Rule("account", "stale", times=None, wait=0.5), rounds=2, settle="1s")
        self.assertGreater(len(self.standin.seen("account")), 1)

    def test_the_cash_while_another_order_stays_open(self):
        self.standin.book.plan = lambda terms: "never" if terms["symbol"] == "S0" else "at_once"
        self.prepare_rounds(1, 2, cycle="20ms", follow="yes")
        with self.running() as run:
            run.wait_for("order.filled")
            harness.wait_until(lambda: Decimal(self.ledger()["cash"]) == self.standin.book.cash, "the cash", interval=0.1)
            self.assertEqual(sorted(order["status"] for order in self.ledger()["orders"]), ["filled", "open"])


if __name__ == "__main__":
    harness.main()
