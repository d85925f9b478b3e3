#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""session = us_equities with a real broker: its calendar says when orders may go, and one that cannot be read
leaves the built-in hours.
"""

import datetime

import harness
from alpaca_lies import Rule
from real_broker import BrokerCase


class Calendar(BrokerCase):
    def set_hours(self, hours):
        """The same on each of three days, whatever the date is in New York."""
        today = datetime.datetime.now(datetime.timezone.utc).date()
        for number in (-1, 0, 1):
            self.standin.hours[today + datetime.timedelta(number)] = hours

    def trade(self, **settings):
        trading = self.prepare_rounds(1, 1, cycle="20ms", **settings)
        trading["risk"] = {"session": "us_equities"}
        self.prepare(trading)
        self.assert_work_ends()
        skipped = [cluster.get("skipped") for cluster in self.ledger()["clusters"]]
        self.assertEqual(len(self.posts()), skipped.count(None))
        return skipped

    def test_open_at_all_hours(self):
        """On a holiday or at night of the built-in rules, too."""
        self.set_hours(("00:00", "24:00"))
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

    def test_it_cannot_be_read(self):
        """The built-in hours count: today they may be open or not, and the worker goes on either way."""
        for answer in ("broken_json", "foreign_json", "500", "404", "404_html", "stall", "truncated", "none"):
            with self.subTest(answer=answer):
                self.standin.stop()
                self.box.close()
                self.box = harness.Box()
                self.addCleanup(self.box.close)
                self.begin(type(self.standin.book)())
                self.set_hours(("00:00", "24:00"))
                self.standin.tell(Rule("calendar", answer, times=None, wait=5))
                self.trade()
                self.assertIn("broker.no_calendar", self.output)
                self.assertIn("hours=built_in", self.output)
                # libcurl repeats a GET by itself where a kept connection is closed on it.
                asked = 1 + (answer == "none")
                self.assertLessEqual(len(self.standin.seen("calendar")), asked, "it is not asked again at once")
                self.assert_books_agree()


if __name__ == "__main__":
    harness.main()
