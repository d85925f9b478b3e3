# SPDX-License-Identifier: Apache-2.0
"""Worker and supervisor killed with SIGKILL at random moments, again and again, until the feed
has ended: the ledger is the one of an undisturbed run.

The moments come from a seed, $TRADESUP_SEED or one that the test prints.
"""

import os
import random
import signal
import time

import harness
from harness import EXIT_OK, is_alive
from random_feed import RandomFeed
from trading import WORKER_NAME, TradingCase, trading_section

SEED = int(os.environ.get("TRADESUP_SEED", random.SystemRandom().randrange(10**6)))

# Kills are the test's, not failures to give up on.
NEVER_GIVE_UP = {"intensity": "1000", "period": "1s"}
KILLS = int(os.environ.get("TRADESUP_TEST_KILLS", "40"))


class RandomKills(TradingCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        print("# TRADESUP_SEED=%d" % SEED, flush=True)

    def prepare_feed(self, rows, batch, cycle):
        feed = self.box.file("feed.csv.gz", RandomFeed(SEED, rows=rows).csv())
        trading = trading_section(feed, batch=batch, cycle=cycle, flow_cluster={
            "window": "10m", "min_trades": "4", "min_notional": "3000", "cooldown": "2m"},
            orders={"long_only": "no"}, paper={"fee_bps": "10", "slippage_bps": "5"})
        self.prepare(trading, supervisor=NEVER_GIVE_UP)
        return trading

    def wait_a_moment(self, run, most):
        """Let the run go on for a random time, or to its end."""
        deadline = time.monotonic() + self.random.uniform(0, most)
        harness.wait_until(lambda: time.monotonic() > deadline or run.process.poll() is not None,
                           "the random moment")

    def kill_once(self, run):
        """Kill the worker or the supervisor. Returns the run that goes on."""
        worker = run.worker_pid(WORKER_NAME)
        if self.random.random() < 0.5 and worker and is_alive(worker):
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return run
        run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")
        return self.box.start()

    def check(self, rows, batch, cycle, most):
        trading = self.prepare_feed(rows, batch, cycle)
        run = self.box.start()
        kills = 0
        while kills < KILLS:
            self.wait_a_moment(run, most)
            if run.process.poll() is not None:
                break
            run = self.kill_once(run)
            kills += 1
        self.assertEqual(run.wait(timeout=300), EXIT_OK, run.tail())
        print("# %d kills before the feed's end" % kills, flush=True)
        self.assertGreater(kills, 3, "the feed is too short for this test")
        ledger = self.assert_agrees(trading)
        self.assertTrue(ledger["fills"], "no fill: a weak test")
        self.run_to_the_end()
        self.assertEqual(self.ledger(), ledger)

    def test_kills_while_it_trades(self):
        self.check(rows=6000, batch="3", cycle="1ms", most=0.3)

    def test_kills_within_large_batches(self):
        self.check(rows=120000, batch="10000", cycle="0s", most=0.03)

    def test_kills_at_the_start(self):
        """So soon after each other that hardly a life gets as far as its first batch."""
        self.check(rows=10000, batch="10", cycle="0s", most=0.008)


if __name__ == "__main__":
    harness.main()
