#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""session = us_equities with a real broker: its clock and its calendar say when orders may go, whatever time it is
here; what cannot be read leaves the built-in hours, or the time that it is here.
"""

import datetime
import os
import struct
import time
import unittest

import harness
from alpaca_lies import Rule
from fakesup import Worker
from real_broker import BrokerCase
from trading import WORKER_NAME

LIBRARY = os.path.join(harness.BUILD, "tests", "libshift_clocks.so")
ALL_DAY = ("00:00", "24:00")
DAY = 86400
UNREADABLE = ("broken_json", "foreign_json", "500", "404", "404_html", "403", "403_html", "stall", "truncated", "none")


class HoursCase(BrokerCase):
    def set_hours(self, hours, days_ahead=0):
        """The same on each of three days, whatever the date is in New York."""
        today = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days_ahead)
        for number in (-1, 0, 1):
            self.standin.hours[today + datetime.timedelta(number)] = hours

    def set_clock(self, moment):
        """The broker's, to a time in UTC."""
        self.standin.ahead = datetime.datetime.fromisoformat(moment + "+00:00").timestamp() - time.time()

    def begin_again(self):
        self.standin.stop()
        self.box.close()
        self.box = harness.Box()
        self.addCleanup(self.box.close)
        self.begin(type(self.standin.book)())

    def prepare_session(self, rounds=1, worker=None, follow="no", **settings):
        """Clock and calendar are waited for a fifteenth of cycle_timeout, and `timeout`."""
        worker = dict({"cycle_timeout": "600s"}, **(worker or {}))
        settings = dict({"timeout": "30s"}, **settings)
        trading = self.prepare_rounds(rounds, 1, cycle="20ms", worker=worker, follow=follow, **settings)
        trading["risk"] = {"session": "us_equities"}
        self.prepare(trading, worker=worker)

    def trade(self, **settings):
        """What became of one cluster."""
        self.prepare_session(**settings)
        self.assert_work_ends()
        skipped = [cluster.get("skipped") for cluster in self.ledger()["clusters"]]
        self.assertEqual(len(self.posts()), skipped.count(None))
        return skipped


    def set_local(self, seconds_ahead, monotonic=0, slept=0):
        """The time of day here, and how many seconds have gone by, or in a suspend: what begins from now on sees it,
        and what has begun so before."""
        path = self.box.environ.get("CLOCKS") or self.box.file("clocks", bytes(24))
        with open(path, "r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=qqq", slept * 10**9, monotonic * 10**9, round(seconds_ahead) * 10**9))
        self.box.environ.update(LD_PRELOAD=LIBRARY, CLOCKS=path)


class Calendar(HoursCase):
    def test_open_at_all_hours(self):
        """On a holiday or at night of the built-in rules, too."""
        self.set_hours(ALL_DAY)
        self.assertEqual(self.trade(), [None])
        self.assertIn("broker.calendar", self.output)
        self.assertEqual(len(self.standin.seen("calendar")), 1, "asked more than once")
        self.assert_books_agree()

    def test_a_holiday(self):
        self.set_hours(None)
        self.assertEqual(self.trade(), ["risk:session"])
        self.assertEqual(self.posts(), [])

    def test_a_half_day_that_is_over(self):
        """A minute after midnight, or, in that minute, one of the day before."""
        self.set_hours(("00:00", "00:01"))
        self.assertEqual(self.trade(), ["risk:session"])

    def check_unreadable(self, answer, moment, skipped):
        self.begin_again()
        self.set_clock(moment)
        self.set_hours(ALL_DAY, round(self.standin.ahead / DAY))
        self.standin.tell(Rule("calendar", answer, times=None, wait=60))
        self.assertEqual(self.trade(timeout="500ms" if answer == "stall" else "30s"), [skipped])
        self.assertEqual(self.output.count("broker.no_calendar"), 1)
        self.assertIn("hours=built_in", self.output)
        self.assertNotIn("broker.locked", self.output)
        # libcurl repeats a GET by itself where a kept connection is closed on it.
        asked = 1 + (answer == "none")
        self.assertLessEqual(len(self.standin.seen("calendar")), asked, "it is not asked again at once")
        self.assert_books_agree()

    def test_it_cannot_be_read(self):
        """The built-in hours count: a Wednesday at noon, and a Saturday."""
        for answer in UNREADABLE:
            with self.subTest(answer=answer):
                self.check_unreadable(answer, "2026-12-02T17:00:00", None)
        self.check_unreadable("500", "2026-12-05T17:00:00", "risk:session")

    def test_the_keys_are_refused(self):
        """As for any request: it is told once, the broker is asked no more, and no order goes."""
        for kind in ("calendar", "clock"):
            with self.subTest(kind=kind):
                self.begin_again()
                self.set_hours(ALL_DAY)
                self.standin.tell(Rule(kind, "401"))
                self.assertEqual(self.trade(), ["risk:broker"])
                self.assertEqual(self.output.count("broker.locked"), 1, self.output)
                self.assertIn("401: request is not authorized", self.output)
                self.assertEqual(self.standin.requests[-1]["kind"], kind, "it was asked again")


class Clock(HoursCase):
    def test_it_is_open_there_and_a_holiday_here(self):
        self.standin.ahead = 10 * DAY
        self.set_hours(None)
        self.set_hours(ALL_DAY, days_ahead=10)
        self.assertEqual(self.trade(), [None])
        self.assertEqual(self.output.count("broker.clock_differs"), 1)
        ahead_ms = int(self.output.split("ahead_ms=")[1].split()[0])
        # As far as it is proved: less the round trip.
        self.assertTrue(-10 * DAY * 1000 - 10 <= ahead_ms <= -10 * DAY * 1000 + 30000, ahead_ms)
        self.assert_books_agree()

    def test_it_is_a_holiday_there_and_open_here(self):
        self.standin.ahead = -10 * DAY
        self.set_hours(ALL_DAY)
        self.set_hours(None, days_ahead=-10)
        self.assertEqual(self.trade(), ["risk:session"])
        self.assertIn("broker.clock_differs", self.output)
        self.assertEqual(self.posts(), [])

    def test_a_clock_that_is_right(self):
        """Two seconds are no difference to speak of."""
        for ahead in (0, 2, -2):
            with self.subTest(ahead=ahead):
                self.begin_again()
                self.set_hours(ALL_DAY)
                self.standin.ahead = ahead
                self.assertEqual(self.trade(), [None])
                self.assertNotIn("broker.clock_differs", self.output)
                self.assertEqual(len(self.standin.seen("clock")), 1, "asked more than once")

    def test_it_says_closed_where_the_calendar_has_hours(self):
        """A closing that came up after the calendar was made."""
        self.set_hours(ALL_DAY)
        self.standin.book.open = False
        self.assertEqual(self.trade(), ["risk:session"])

    def test_it_cannot_be_read(self):
        """The time here counts: it is open by that, and a holiday by the other."""
        for answer in UNREADABLE:
            with self.subTest(answer=answer):
                self.begin_again()
                self.standin.ahead = -10 * DAY
                self.set_hours(ALL_DAY)
                self.set_hours(None, days_ahead=-10)
                self.standin.tell(Rule("clock", answer, times=None, wait=60))
                self.assertEqual(self.trade(timeout="500ms" if answer == "stall" else "30s"), [None])
                self.assertEqual(self.output.count("broker.no_clock"), 1)
                self.assertIn("clock=local", self.output)
                self.assertNotIn("broker.clock_differs", self.output)
                self.assertNotIn("broker.locked", self.output)
                self.assert_books_agree()

    @unittest.skipIf(harness.SANITIZED, "a sanitizer wants to be the first library")
    def test_the_time_here_is_set_while_it_runs(self):
        """To a day that is a holiday: orders go on, and it is told; once it is set back, that too."""
        self.set_local(0)
        self.set_hours(ALL_DAY)
        self.set_hours(None, days_ahead=10)
        self.prepare_session(follow="yes")
        with self.running() as run:
            run.wait_for("order.filled")
            self.assertEqual(run.count("broker.clock_differs"), 0)
            self.set_local(10 * DAY)
            run.wait_for("broker.clock_differs", ahead_ms=lambda text: abs(int(text) - 10 * DAY * 1000) < 30000)
            self.add_round(1, 1)
            run.wait_for("order.filled", count=2)
            self.set_local(0)
            run.wait_for("broker.clock_agrees")
            self.assertEqual(run.count("broker.clock_differs"), 1)
            run.stop()
        self.assertEqual(len(self.posts()), 2)
        self.assertEqual(len(self.standin.seen("clock")), 1)
        self.assertEqual([cluster.get("skipped") for cluster in self.ledger()["clusters"]], [None, None])

    @unittest.skipIf(harness.SANITIZED, "a sanitizer wants to be the first library")
    def test_an_order_that_had_to_wait_until_it_was_closed(self):
        """Turned away for a while, and the machine sleeps until a holiday: it does not leave again."""
        self.set_local(0)
        self.set_hours(ALL_DAY)
        self.set_hours(None, days_ahead=7)
        self.standin.tell(Rule("place", "429", accept=False, wait=10))
        self.prepare_session(follow="yes", settle="100ms", max_age="720h")
        with self.running() as run:
            self.standin.wait_for(self.posts, "the order")
            run.wait_for("broker.busy")
            self.set_local(0, slept=7 * DAY)
            # Whether it had been taken is asked, and would be followed by the next request.
            looks = len(self.standin.seen("lookup"))
            self.standin.wait_for(lambda: len(self.standin.seen("lookup")) >= looks + 4, "look-ups")
            run.stop()
        self.assertEqual(len(self.posts()), 1)

    @unittest.skipIf(harness.SANITIZED, "a sanitizer wants to be the first library")
    def test_it_is_read_every_ten_minutes(self):
        """The broker's clock is set to a holiday: from the next reading on no order goes."""
        self.set_local(0)
        self.set_hours(ALL_DAY)
        self.set_hours(None, days_ahead=10)
        self.prepare_session(follow="yes")
        with self.running() as run:
            run.wait_for("order.filled")
            self.standin.ahead = 10 * DAY
            self.set_local(0, monotonic=601)
            self.standin.wait_for(lambda: len(self.standin.seen("clock")) == 2, "the second reading")
            run.wait_for("broker.clock_differs")
            self.add_round(1, 1)
            run.wait_for("order.refused", rule="session")
            self.assertEqual(run.count("worker.start"), 1)
            run.stop()
        self.assertEqual(len(self.posts()), 1)


class Stalled(HoursCase):
    """A request that takes its time, though not longer than `timeout`."""

    def test_heartbeats_and_orders_go_on(self):
        for kind in ("clock", "calendar"):
            with self.subTest(kind=kind):
                self.begin_again()
                self.set_clock("2026-12-02T17:00:00")
                self.set_hours(ALL_DAY)
                self.standin.tell(Rule(kind, "slow", times=None, wait=40))
                self.prepare_session(worker={"heartbeat": "100ms", "cycle_timeout": "75s"}, timeout="600s")
                worker = Worker(self.box, name=WORKER_NAME)
                self.addCleanup(worker.kill)
                event = worker.wait_for("event", name="broker.no_" + kind)
                self.assertNotIn("too slow", event["fields"], "ended by the limit of 10 s that any transfer has")
                before = worker.messages[:event["number"]]
                cycle = [message["cycle"] for message in before if message["type"] == "heartbeat"][-1]
                beats = [message for message in before if message["type"] == "heartbeat" and message["cycle"] == cycle]
                self.assertGreaterEqual(len(beats), 4, "one for each phase, and some while it waits")
                worker.wait_for("event", name="order.filled")
                self.assertEqual(len(self.standin.seen(kind)), 1)

    def test_a_stop_does_not_wait_for_it(self):
        """Nor is it told as a failure."""
        for kind in ("clock", "calendar"):
            with self.subTest(kind=kind):
                self.begin_again()
                self.set_hours(ALL_DAY)
                self.standin.tell(Rule(kind, "stall", times=None, wait=900))
                self.prepare_session(worker={"cycle_timeout": "600s"}, timeout="600s")
                worker = Worker(self.box, name=WORKER_NAME)
                self.addCleanup(worker.kill)
                self.standin.wait_for(lambda: self.standin.seen(kind), "the request")
                self.assertEqual(worker.stop(), harness.EXIT_OK)
                self.assertEqual(worker.find("event", name="broker.no_" + kind), [])

    @unittest.skipIf(harness.SANITIZED, "a sanitizer wants to be the first library")
    def test_no_order_goes_before_the_calendar_is_there(self):
        """The clock's silence is enough for one turn; until the next no event is seen. It is a holiday, a Wednesday."""
        self.set_clock("2026-12-02T17:00:00")
        self.set_local(self.standin.ahead)
        self.set_hours(None, round(self.standin.ahead / DAY))
        self.standin.tell(Rule("clock", "stall", times=None, wait=900))
        self.assertEqual(self.trade(timeout="600s", worker={"cycle_timeout": "75s"}), ["risk:session"])
        self.assertIn("clock=local", self.output)


if __name__ == "__main__":
    harness.main()
