# SPDX-License-Identifier: Apache-2.0
"""What must become of an order in each case that has cost somebody money: each of them undisturbed,
and with a worker that is killed before the request, between request and answer, and after it.
"""

import contextlib
import errno
import json
import os
import sqlite3
import subprocess
from decimal import Decimal

import harness
from alpaca_lies import Rule
from harness import EXIT_OK
from real_broker import BrokerCase
from test_kill_points import POINTS
from trading import WORKER_NAME

# Before the request leaves, before its answer is written down, and after it is.
MOMENTS = {"undisturbed": None, "before": "order.posting_recorded:1", "between": "order.posted:1",
           "after": "order.change_committed:1"}
SYMBOL = "S0"


class OneOrder(BrokerCase):
    """A feed of one event that asks for a buy."""

    def one_order(self, moment, rounds=1, **settings):
        """Run it until it ends or is killed as @moment says, and then to its end."""
        self.prepare_rounds(rounds, 1, cycle="20ms", batch="1", **settings)
        if MOMENTS[moment] and POINTS:
            self.assert_killed_at(MOMENTS[moment])
        elif MOMENTS[moment]:
            self.skipTest("built without -Dkill_points=true")
        self.assert_work_ends()

    def assert_filled_once(self, posts=(1, 2)):
        """@posts: how many requests there may have been."""
        ledger = self.assert_books_agree()
        order, = ledger["orders"]
        self.assertEqual(order["status"], "filled")
        self.assertIn(len(self.posts()), posts)
        self.assertEqual(len(self.standin.book.orders), 1)
        return ledger

    def check_lost_answer(self, moment):
        """Accepted, answer lost, then 404 for a while: one order, adopted, no second request."""
        for answer in ("none", "504", "reset", "truncated"):
            with self.subTest(answer=answer):
                self.begin_afresh()
                self.standin.tell(Rule("place", answer, hide=0.1))
                self.one_order(moment, settle="1s")
                self.assert_filled_once(posts=(1,))

    def check_broken_answer(self, moment):
        """200 with broken or foreign JSON: unknown, and looked up by its id."""
        for answer in ("broken_json", "foreign_json", "other_order"):
            with self.subTest(answer=answer):
                self.begin_afresh()
                self.standin.tell(Rule("place", answer))
                self.one_order(moment)
                self.assert_filled_once(posts=(1,))
                self.assertTrue(self.standin.seen("lookup"))

    def check_request_lost(self, moment):
        """Not accepted, and nothing to tell it by: sent again under the same id once it has not been there for
        `settle`."""
        for answer in ("504", "reset", "foreign_json"):
            with self.subTest(answer=answer):
                self.begin_afresh()
                self.standin.tell(Rule("place", answer, accept=False))
                self.one_order(moment)
                self.assert_filled_once(posts=(2,))
                first, second = self.posts()
                self.assertGreaterEqual(second["monotonic"] - first["monotonic"], 0.3)

    def check_an_id_in_use(self, moment):
        """422 "must be unique", and the order there is canceled or has other terms: no success, and held."""
        for before in ("canceled", "terms"):
            with self.subTest(before=before):
                self.begin_afresh()
                self.standin.tell(Rule("place", before=before))
                self.one_order(moment, rounds=3)
                order, *others = self.ledger()["orders"]
                self.assertIn(order["status"], ("canceled", "rejected"))
                self.assertEqual((others, len(self.posts())), ([], 1))
                self.assertEqual(self.ledger()["fills"], [])
                self.assertIn("order.mismatch", self.output)
                before_that = len(self.posts())
                self.assert_work_ends()
                self.assertEqual(len(self.posts()), before_that)

    def check_too_late(self, moment):
        """It appears after its intent was given up: adopted, a mismatch, and no further orders."""
        self.standin.tell(Rule("place", "504", accept=False, later=3600, times=None))
        self.one_order(moment, max_age="700ms", settle="200ms")
        self.assertEqual([order["status"] for order in self.ledger()["orders"]], ["expired"])
        self.standin.calm()
        self.assertEqual(len(self.standin.book.orders), 1)
        self.add_round(1, 1)
        self.assert_work_ends()
        self.assertIn("order.mismatch", self.output)
        ledger = self.assert_books_agree()
        self.assertEqual([order["status"] for order in ledger["orders"]], ["filled"])
        self.assertEqual(len(ledger["positions"]), 1)
        self.assertEqual(len(self.standin.book.orders), 1, "an order in spite of the mismatch")

    def give_up_and_stay_down(self):
        """One order of unknown fate is given up, and then the worker is not run for two days."""
        self.standin.tell(Rule("place", "504", accept=False, later=3600, times=None))
        self.one_order("undisturbed", max_age="700ms", settle="200ms")
        self.assertEqual(self.life(), ("expired", True))
        with contextlib.closing(sqlite3.connect(self.journal(), isolation_level=None)) as journal:
            journal.execute("UPDATE orders SET created = created - 172800000000000")

    def journal(self):
        return os.path.join(self.box.state, WORKER_NAME, "journal.db")

    def life(self):
        """The order's status, and whether a request of it may have been taken."""
        with contextlib.closing(sqlite3.connect(self.journal())) as journal:
            status, unproven = journal.execute("SELECT status, unproven FROM orders").fetchone()
        return status, unproven > 0

    def test_too_late_and_the_worker_was_down(self):
        """The day was over while nobody looked: there is a last look, and it finds the order."""
        self.give_up_and_stay_down()
        self.standin.calm()
        self.add_round(1, 1)
        self.assert_work_ends()
        self.assertIn("order.mismatch", self.output)
        ledger = self.assert_books_agree()
        self.assertEqual([order["status"] for order in ledger["orders"]], ["filled"])
        self.assertEqual(len(self.standin.book.orders), 1, "an order in spite of the mismatch")

    def test_the_last_look_of_one_that_is_not_there(self):
        """A look that fails is none; one that does not find the order is the last."""
        self.give_up_and_stay_down()
        self.standin.tell(Rule("lookup", "503", accept=False))
        looks = len(self.standin.seen("lookup"))
        self.add_round(1, 1)
        with self.running():
            self.standin.wait_for(lambda: len(self.standin.seen("lookup")) > looks, "a look-up")
        self.assertEqual(self.life(), ("expired", True))
        self.assert_work_ends()
        self.assertEqual(self.life(), ("expired", False))
        name = self.ledger()["orders"][0]["client_order_id"]
        looks = len(self.standin.seen("lookup", client_order_id=name))
        self.assert_work_ends()
        self.assertEqual(len(self.standin.seen("lookup", client_order_id=name)), looks)

    @harness.unittest.skipUnless(POINTS, "built without -Dkill_points=true")
    def test_an_id_in_use_and_no_life_that_remembers(self):
        """The refusal dies with the worker, and so does what the next life has seen: the order there, cancelled or
        of other terms, is still none of ours."""
        for before in ("canceled", "terms"):
            for point in ("order.looked_up:1", "order.change_written:1"):
                with self.subTest(before=before, point=point):
                    self.begin_afresh()
                    self.standin.tell(Rule("place", before=before))
                    self.prepare_rounds(3, 1, cycle="20ms", batch="1")
                    self.assert_killed_at("order.posted:1")
                    self.assert_killed_at(point)
                    self.assert_work_ends()
                    order, *others = self.ledger()["orders"]
                    self.assertEqual(order["status"], {"canceled": "canceled", "terms": "rejected"}[before])
                    self.assertEqual((others, len(self.posts()), self.ledger()["fills"]), ([], 1, []))
                    self.assertIn("order.mismatch", self.output)

    def check_unreachable(self, moment):
        """Look-ups fail for long: it stays unknown however old it is, blocks its symbol, and is adopted when the
        broker is back."""
        self.standin.tell(Rule("place", "none"), Rule("lookup", "503", times=None, accept=False))
        self.prepare_rounds(3, 1, cycle="20ms", batch="1", max_age="500ms")
        if MOMENTS[moment]:
            if not POINTS:
                self.skipTest("built without -Dkill_points=true")
            point = MOMENTS[moment]
            if moment == "after":
                point = "order.looked_up:1"
            self.assert_killed_at(point)
        with self.running() as run:
            looks = len(self.standin.seen("lookup"))
            self.standin.wait_for(lambda: len(self.standin.seen("lookup")) >= looks + 4 and
                                  self.standin.requests[-1]["time"] - self.standin.requests[0]["time"] > 1, "look-ups")
            order, = self.ledger()["orders"]
            self.assertEqual((order["status"], len(self.standin.book.orders) <= 1), ("sent", True))
            self.assertEqual(len(self.posts()), moment != "before")
            run.wait_for("broker.unreachable")
            self.standin.calm()
            self.assertEqual(run.wait(), EXIT_OK, run.tail())
        if moment != "before":
            ledger = self.assert_books_agree()
            self.assertEqual(ledger["orders"][0]["status"], "filled")
            self.assertEqual(len(self.posts(ledger["orders"][0]["client_order_id"])), 1)

    def check_cancel_while_filling(self, moment):
        """A cancel is answered 204 while a fill is under way: the position is that of the last filled_qty."""
        for plan, status, quantity in (("filled:1", "filled", 100), ("canceled:0.4", "canceled", 40),
                                       ("canceled", "canceled", 0)):
            with self.subTest(cancel=plan):
                self.begin_afresh()
                self.standin.book.plan = "never"
                self.standin.book.cancel_plan = plan
                self.one_order(moment)
                self.assertEqual(self.make_safe(), EXIT_OK, self.output)
                ledger = self.assert_books_agree()
                self.assertEqual(ledger["orders"][0]["status"], status)
                self.assertEqual(sum(float(fill["quantity"]) for fill in ledger["fills"]), quantity)

    def make_safe(self):
        return self.work("--make-safe")

    def begin_afresh(self):
        self.standin.stop()
        self.box.close()
        self.box = harness.Box()
        self.addCleanup(self.box.close)
        self.begin(type(self.standin.book)())


def add_cases():
    for name in dir(OneOrder):
        if name.startswith("check_"):
            for moment in MOMENTS:
                def case(self, check=name, moment=moment):
                    getattr(self, check)(moment)
                setattr(OneOrder, "test_%s_%s" % (name[6:], moment), case)


add_cases()


class Many(BrokerCase):
    """Many orders that were given up, and then a new life with new ones."""

    SYMBOLS = 12

    def give_up(self):
        """Their ids."""
        self.standin.tell(Rule("place", "504", accept=False, times=None))
        self.prepare_rounds(1, self.SYMBOLS, max_age="700ms", settle="200ms")
        self.assert_work_ends()
        given_up = {order["client_order_id"] for order in self.ledger()["orders"] if order["status"] == "expired"}
        self.assertEqual(len(given_up), self.SYMBOLS)
        with contextlib.closing(sqlite3.connect(os.path.join(self.box.state, WORKER_NAME, "journal.db"))) as journal:
            with journal:  # as if a request of each had left: the broker was away too soon for most of them
                journal.execute("UPDATE orders SET unproven = 1 WHERE status = 'expired'")
        self.standin.calm()
        return given_up

    def check_new_life(self, given_up, rate):
        """The new orders go out before all that were given up have been looked at."""
        self.prepare_rounds(1, self.SYMBOLS, rate=rate, max_age="60s")
        self.add_round(2, self.SYMBOLS)
        before = len(self.standin.requests)
        self.assert_work_ends()
        asked = self.standin.requests[before:]
        first = next(number for number, note in enumerate(asked) if note["kind"] == "place")
        looked = {note["client_order_id"] for note in asked[:first] if note["kind"] == "lookup"}
        self.assertLess(len(looked & given_up), self.SYMBOLS)
        ledger = self.ledger()
        self.assertEqual(sum(order["status"] == "filled" for order in ledger["orders"]), self.SYMBOLS)
        self.assertEqual(Decimal(ledger["cash"]), self.standin.book.cash)

    def test_they_are_looked_at_one_by_one(self):
        self.check_new_life(self.give_up(), rate="200")  # a look at one of them every 1.2 s

    def test_they_come_last_where_each_look_costs_a_pause(self):
        given_up = self.give_up()
        self.standin.tell(Rule("lookup", "503", accept=False, times=None,
                               where=lambda request: request.query.get("client_order_id") in given_up))
        self.check_new_life(given_up, rate="10000")


class Stops(BrokerCase):
    """What stops new orders, and goes on doing so."""

    def statuses(self):
        return [order["status"] for order in self.ledger()["orders"]]

    def skipped(self):
        return [cluster["skipped"] for cluster in self.ledger()["clusters"] if cluster.get("skipped")]

    def test_a_kill_file_that_cannot_be_read(self):
        """A path through a file: nobody can say whether it is there."""
        self.box.file("file", "")
        trading = self.prepare_rounds(1, 1)
        trading["risk"] = {"kill_file": os.path.join(self.box.path, "file", "kill")}
        self.prepare(trading)
        self.assert_work_ends()
        self.assertEqual((self.posts(), self.statuses()), ([], []))
        self.assertTrue(self.skipped()[0].startswith("risk:"), self.skipped())

    def test_a_daily_loss_outlasts_every_restart(self):
        trading = self.prepare_rounds(2, 2, cycle="300ms", batch="2", follow="yes")
        trading["risk"] = {"max_daily_loss": "1000"}
        self.prepare(trading)
        with self.running() as run:
            run.wait_for("order.filled", count=2)
            self.standin.book.price = self.standin.book.price / 2
            run.wait_for("order.filled", count=4)
            self.add_round(2, 2)
            harness.wait_until(self.skipped, "an order that is refused")
        posts = len(self.posts())
        self.assertEqual(posts, 4)
        for turn in (3, 4, 6):
            with self.running() as run:
                self.add_round(turn, 2)
                harness.wait_until(lambda turn=turn: len(self.skipped()) >= 2 * (turn - 1) - 2, "another", interval=0.1)
        self.assertEqual(len(self.posts()), posts, self.skipped())

    def test_a_journal_that_is_busy(self):
        """Another program holds the journal: nothing is sent, and it is said."""
        self.prepare_rounds(1, 1, follow="yes")
        self.box.file("feed.csv", "time,symbol,side,price,size,id\n")
        with self.running() as run:
            run.wait_for("worker.ready")
            path = os.path.join(self.box.state, WORKER_NAME, "journal.db")
            harness.wait_until(lambda: os.path.exists(path), "the journal")
            other = sqlite3.connect(path, isolation_level=None)
            self.addCleanup(other.close)
            other.execute("BEGIN IMMEDIATE")
            self.add_round(0, 1)
            run.wait_for("cycle.failed")
            self.assertEqual(self.posts(), [])
            other.execute("ROLLBACK")
            run.wait_for("order.filled")
            run.stop()
        self.assert_books_agree()

    def test_too_many_requests(self):
        """429 with a reset some seconds away, three workers of one account, and a restart in the middle: nobody
        asks before."""
        trading = self.prepare_rounds(1, 1, follow="yes")
        section = dict(harness.ENDS_WITH_ITS_FEED, trading=trading)
        self.box.write_config({name: section for name in ("flow", "second", "third")},
                              harness.ENDS_WITH_ITS_WORKERS)
        self.standin.tell(Rule("positions", "429", accept=False, wait=6))
        with self.running() as run:
            run.wait_for("broker.busy")
        on_their_way = self.standin.limit.early
        self.assertLessEqual(on_their_way, 2, "more than what the other two were asking at that moment")
        with self.running() as run:
            self.standin.wait_for(lambda: len(self.standin.book.orders) == 3, "three orders")
            run.stop()
        self.assertEqual(self.standin.limit.early, on_their_way)


class Disk(BrokerCase):
    """The worker's directory is a file system of its own, which fills up or cannot be written."""

    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.box.state, WORKER_NAME)
        os.makedirs(self.place, mode=0o700)
        if not self.mount("-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs"):
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.place], check=False)

    def mount(self, *options):
        try:
            done = subprocess.run(["mount", *options, self.place], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False)
        except FileNotFoundError:
            return False
        return done.returncode == 0

    def fill(self):
        path = os.path.join(self.place, "filler")
        with open(path, "ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)
        return path

    def assert_supervisor_goes_on(self, run):
        self.assertIsNone(run.process.poll())
        self.assertEqual(self.box.call("status").returncode, EXIT_OK)

    def check_full(self, kill):
        self.prepare_rounds(1, 1, follow="yes")
        with self.running() as run:
            run.wait_for("order.filled")
            filler = self.fill()
            turn, position = 1, run.position()
            while not run.find("cycle.failed", since=position):  # until what the log has room for is used up
                self.add_round(2 * turn, 50)
                self.add_round(2 * turn + 1, 50)
                turn += 1
                cycles = run.position()
                harness.wait_until(lambda: run.position() > cycles, "any event")
            self.assert_supervisor_goes_on(run)
            if kill:
                run.kill()
                harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")
            os.unlink(filler)
            if not kill:
                run.wait_for("cycle.failed", since=position)
                self.wait_for_all(2 * turn)
                run.stop()
        if kill:
            with self.running() as run:
                self.wait_for_all(2 * turn)
                run.stop()
        self.assert_books_agree()

    def wait_for_all(self, rounds):
        """All of the feed has been worked through, and every fate is known."""
        records = 1 + (rounds - 2) * 50

        def is_done():
            result = self.box.call("ledger", WORKER_NAME, "--json")
            ledger = json.loads(result.stdout) if result.returncode == 0 else {}
            return (ledger.get("events", 0) + ledger.get("dropped", 0) >= records
                    and all(order["status"] not in ("intent", "sent", "open", "partially_filled")
                            for order in ledger["orders"]))

        harness.wait_until(is_done, "the feed's end", interval=0.1)

    def test_a_full_disk(self):
        self.check_full(kill=False)

    def test_a_kill_on_a_full_disk(self):
        """What was sent is on the disk: the next life knows each of the orders."""
        self.check_full(kill=True)

    def test_a_disk_that_cannot_be_written(self):
        self.prepare_rounds(1, 1, follow="yes")
        with self.running() as run:
            run.wait_for("order.filled")
            self.assertEqual(self.box.call("stop", WORKER_NAME).returncode, EXIT_OK)
            self.assertTrue(self.mount("-o", "remount,ro"))
            self.add_round(2, 2)
            posts, position = len(self.posts()), run.position()
            self.box.call("start", WORKER_NAME)
            run.wait_for("worker.exit", since=position, count=2)
            self.assertIn("ead-only", self.output_of(run))
            self.assertEqual(len(self.posts()), posts)
            self.assert_supervisor_goes_on(run)
            self.assertTrue(self.mount("-o", "remount,rw"))
            run.wait_for("order.filled", since=position)
            run.stop()
        self.assert_books_agree()

    def output_of(self, run):
        with run.changed:
            return repr(run.events) + repr(run.noise)


if __name__ == "__main__":
    harness.main()
