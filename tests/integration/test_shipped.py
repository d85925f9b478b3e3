# SPDX-License-Identifier: Apache-2.0
"""The configurations in etc/ run as they are shipped: they trade, end with the sample, and end
with 0.
"""

import os
import shutil

import harness
from harness import EXIT_OK, TREE, Case


class Shipped(Case):
    def check(self, name):
        for directory in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
            self.box.environ[directory] = os.path.join(self.box.path, directory.lower())
        shutil.copytree(os.path.join(TREE, "etc"), os.path.join(self.box.path, "etc"))
        self.box.config = os.path.join(self.box.path, "etc", name)
        self.assertEqual(self.box.call("check").returncode, EXIT_OK)
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_OK, run.tail())
        ledger = self.box.json("ledger", "flow")
        self.assertEqual((ledger["events"], ledger["dropped"]), (9998, 1))
        self.assertGreater(len(ledger["fills"]), 10)

    def test_tradesup_conf(self):
        self.check("tradesup.conf")

    def test_quickstart_conf(self):
        self.check("examples/quickstart.conf")


if __name__ == "__main__":
    harness.main()
