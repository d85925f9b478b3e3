# SPDX-License-Identifier: Apache-2.0
"""A strategy module of one's own: etc/examples/momentum.c, built by the very command that
tradesup-strategy(3) gives for a source tree, trades, and goes on after kills as if there had been none.
"""

import gzip
import os
import signal
import subprocess

import harness
from harness import BUILD, EXIT_CONFIG, TREE
from trading import WORKER_NAME, TradingCase, trading_section

SAMPLE = os.path.join(TREE, "etc", "examples", "bitstamp-btcusd.csv.gz")


def command_of_the_page():
    with open(os.path.join(TREE, "man", "tradesup-strategy.3")) as page:
        lines = [line for line in page if line.startswith(".Dl $ cc ") and "-Ibuild/" in line]
    assert len(lines) == 1, "the page gives one command for a source tree"
    return lines[0][len(".Dl $ "):].strip()


class ExampleModule(TradingCase):
    def build(self):
        """Build it in the test's directory, where the page's paths lead to the tree and the build folder."""
        for name, target in (("etc", os.path.join(TREE, "etc")), ("build", BUILD)):
            os.symlink(target, os.path.join(self.box.path, name))
        subprocess.run(command_of_the_page(), shell=True, check=True, cwd=self.box.path)

    def section(self, **parameters):
        return trading_section(SAMPLE, file={"time_unit": "s"}, strategy="./momentum.so",
                               momentum=parameters, batch="100",
                               cycle=self.cycle, orders={"order_notional": "100"})

    cycle = "0s"

    def test_it_trades(self):
        self.build()
        self.prepare(self.section(step="3"))
        self.run_to_the_end()
        ledger = self.ledger()
        self.assertGreater(len(ledger["clusters"]), 50)
        self.assertGreater(len(ledger["fills"]), 10)
        self.assert_every_cluster_moved_the_price(ledger["clusters"], 3)

    def assert_every_cluster_moved_the_price(self, clusters, step):
        """From the price at which one fired to that at which the next did: at least the step, to its side."""
        with gzip.open(SAMPLE, "rt") as sample:
            next(sample)
            before = float(next(sample).split(",")[2])
        for cluster in clusters:
            price = float(cluster["price"])
            change = (price - before) / before * 100
            self.assertGreaterEqual(change if cluster["side"] == "buy" else -change, step - 1e-9, cluster)
            before = price

    def test_kills_change_nothing(self):
        self.build()
        self.prepare(self.section())
        self.run_to_the_end()
        undisturbed = self.ledger()
        os.rename(os.path.join(self.box.path, "state"), os.path.join(self.box.path, "undisturbed"))
        self.cycle = "20ms"
        self.prepare(self.section(), supervisor={"intensity": "1000"})
        run = self.box.start()
        for life in range(1, 5):
            pid = int(run.wait_for("worker.ready", worker=WORKER_NAME, count=life)["pid"])
            os.kill(pid, signal.SIGKILL)
            run.wait_for("worker.exit", worker=WORKER_NAME, pid=pid, signal="KILL")
        self.assertEqual(run.wait(), harness.EXIT_OK, run.tail())
        self.assertEqual(self.ledger(), undisturbed)

    def test_bad_parameter(self):
        self.build()
        self.prepare(self.section(step="99"))
        result = self.box.call("check")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn("step", result.stdout + result.stderr)


if __name__ == "__main__":
    harness.main()
