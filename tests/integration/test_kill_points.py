# SPDX-License-Identifier: Apache-2.0
"""The worker ends at every named step between two writes, and the ledger is the one of an
undisturbed run. A step that is never reached is a failure of this test.

Needs a build with -Dkill_points=true.
"""

import subprocess
import unittest

import harness
from harness import WORKER
from random_feed import RandomFeed
from trading import WORKER_NAME, TradingCase, trading_section

# The step's first time, and some later ones: in the middle of a batch, and a few batches on.
TIMES = (1, 2, 5)


def kill_points():
    try:
        listing = subprocess.run([WORKER, "--kill-points"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return []
    return listing.stdout.split() if listing.returncode == 0 else []


POINTS = kill_points()


class KillPoints(TradingCase):
    def check(self, point, times):
        """The first life of the supervisor has a worker that ends at the step, each time; then both go."""
        feed = self.box.file("feed.csv", RandomFeed(31, rows=1500).csv())
        trading = trading_section(feed, batch="100", flow_cluster={
            "window": "10m", "min_trades": "4", "min_notional": "3000", "cooldown": "2m"})
        self.prepare(trading, supervisor={"intensity": "1000"})
        first = self.box.start(environ={"TRADESUP_KILL_AT": "%s:%d" % (point, times)})
        first.wait_for("worker.exit", worker=WORKER_NAME,
                       signal=lambda name: str(name) in ("KILL", "SIGKILL", "9"))
        first.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the worker's end")
        self.run_to_the_end()
        ledger = self.assert_agrees(trading)
        self.assertTrue(ledger["fills"], "no fill: a weak test")
        self.run_to_the_end()
        self.assertEqual(self.ledger(), ledger)


def add_case(point, times):
    name = "test_%s_%d" % (point.replace(".", "_"), times)
    setattr(KillPoints, name, lambda self: self.check(point, times))


for one_point in POINTS:
    for one_time in TIMES:
        add_case(one_point, one_time)


if not POINTS:
    class NoKillPoints(unittest.TestCase):
        def test_kill_points(self):
            self.skipTest("built without -Dkill_points=true")


if __name__ == "__main__":
    harness.main()
