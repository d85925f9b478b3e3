# SPDX-License-Identifier: Apache-2.0
"""The worker ends at every named step between two writes, and the ledger is the one of an
undisturbed run. A step that is never reached is a failure of this test.

Needs a build with -Dkill_points=true.
"""

import signal
import subprocess
import unittest

import harness
import oracle
from harness import EXIT_OK, WORKER
from random_feed import RandomFeed
from trading import WORKER_NAME, TradingCase, trading_section

CLUSTERS = {"window": "10m", "min_trades": "4", "min_notional": "3000", "cooldown": "2m"}

# The step's first time, and some later ones: in the middle of a batch, and a few batches on.
TIMES = (1, 2, 5)

# Steps that one life passes once: the journal is made, the count of failures begins.
ONCE = {"journal.before_rename", "journal.after_rename", "fail_counter.after_rename"}

# Steps of a real broker's orders, and of journals of an older version: a paper broker's run has none.
ELSEWHERE = ("order.", "reconcile.", "journal.migrat")

# Steps with a test of their own below.
SPECIAL = {"journal.snapshot_written", "journal.order_canceled"}


def kill_points():
    try:
        listing = subprocess.run([WORKER, "--kill-points"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return []
    return listing.stdout.split() if listing.returncode == 0 else []


POINTS = kill_points()


class KillPointCase(TradingCase):
    def die_at(self, point, times):
        """A life of the supervisor whose worker ends at the step, each time it is started."""
        run = self.box.start(environ={"TRADESUP_KILL_AT": "%s:%d" % (point, times)})
        run.wait_for("worker.exit", worker=WORKER_NAME, signal="KILL")
        run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the worker's end")


class EveryPoint(KillPointCase):
    def check(self, point, times):
        feed = self.box.file("feed.csv", RandomFeed(31, rows=1500).csv())
        trading = trading_section(feed, batch="100", cycle="1ms", flow_cluster=CLUSTERS)
        self.prepare(trading, supervisor={"intensity": "1000"})
        self.die_at(point, times)
        self.run_to_the_end()
        ledger = self.assert_agrees(trading)
        self.assertTrue(ledger["fills"], "no fill: a weak test")
        self.run_to_the_end()
        self.assertEqual(self.ledger(), ledger)


@unittest.skipUnless(POINTS, "built without -Dkill_points=true")
class SpecialPoints(KillPointCase):
    def test_snapshot(self):
        """Snapshots come seldom, the more so the larger the window; an undisturbed run of the
        same feed is the measure."""
        trading = trading_section("", feed="synthetic", batch="10000", flow_cluster={
            "window": "2s", "min_notional": "1000"}, synthetic={"events": "500000"})
        self.prepare(trading, supervisor={"intensity": "1000"})
        self.run_to_the_end()
        undisturbed = self.ledger()
        for times in (1, 2):
            with self.subTest(times=times):
                self.box.close()
                self.box = harness.Box()
                self.addCleanup(self.box.close)
                self.prepare(trading, supervisor={"intensity": "1000"})
                self.die_at("journal.snapshot_written", times)
                self.run_to_the_end()
                self.assertEqual(self.ledger(), undisturbed)

    def test_cancel_of_open_orders(self):
        """Making safe is repeated as a whole: no order is lost, none is cancelled twice."""
        trading = self.prepare_an_open_order()
        self.run_to_the_end()
        self.assertEqual(self.assert_agrees(trading)["orders"][-1]["status"], "open")
        self.assertEqual(self.make_safe("journal.order_canceled:1"), -signal.SIGKILL)
        self.assertEqual(self.ledger()["orders"][-1]["status"], "open")
        self.assertEqual(self.make_safe(), EXIT_OK)
        canceled = self.ledger()
        self.assertEqual(canceled["orders"][-1]["status"], "canceled")
        self.assertEqual(self.make_safe(), EXIT_OK)
        self.run_to_the_end()
        self.assertEqual(self.ledger(), canceled)

    def prepare_an_open_order(self):
        """A feed cut off right after an event that caused an order."""
        content = RandomFeed(32, rows=900, trouble=False).csv()
        feed = self.box.file("feed.csv", content)
        trading = trading_section(feed, flow_cluster=CLUSTERS)
        last = oracle.ledger(WORKER_NAME, trading)["orders"][-1]["cluster"].split("-")[2]
        lines = content.splitlines(keepends=True)
        cut = max(number for number, line in enumerate(lines) if line.startswith(last + ","))
        self.box.file("feed.csv", "".join(lines[:cut + 1]))
        self.prepare(trading)
        return trading

    def make_safe(self, kill_at=None):
        environ = dict(self.box.environ)
        if kill_at:
            environ["TRADESUP_KILL_AT"] = kill_at
        command = [WORKER, "--make-safe", "-c", self.box.config, WORKER_NAME]
        return subprocess.run(command, env=environ, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, check=False).returncode


def add_case(point, times):
    name = "test_%s_%d" % (point.replace(".", "_"), times)
    setattr(EveryPoint, name, lambda self: self.check(point, times))


for one_point in POINTS:
    if one_point not in SPECIAL and not one_point.startswith(ELSEWHERE):
        for one_time in TIMES[:1] if one_point in ONCE else TIMES:
            add_case(one_point, one_time)


if __name__ == "__main__":
    harness.main()
