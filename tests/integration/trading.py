# SPDX-License-Identifier: Apache-2.0
"""Running a built-in trading worker on a feed to its end, and holding its ledger against
the oracle's.
"""

import oracle
from harness import ENDS_WITH_ITS_FEED, ENDS_WITH_ITS_WORKERS, EXIT_OK, Case

WORKER_NAME = "flow"

# What the rules leave to the implementation: an id of the broker's own, and a reason's words.
FREE_FIELDS = {"broker_id", "reason"}


def trading_section(path, **sections):
    """A trading section that reads the file @path as fast as it goes; keyword arguments override."""
    section = {"cycle": "0s", "batch": "1000", "feed": "file",
               "file": {"path": path, "time_unit": "ns"}}
    for name, value in sections.items():
        if isinstance(value, dict):
            section[name] = dict(section.get(name, {}), **value)
        else:
            section[name] = value
    return section


def comparable(ledger):
    """A ledger without what the rules leave open."""
    ledger = dict(ledger)
    for name in ("clusters", "orders", "fills", "positions"):
        ledger[name] = [{key: value for key, value in item.items() if key not in FREE_FIELDS}
                        for item in ledger[name]]
    ledger["positions"].sort(key=lambda position: position["symbol"])
    return ledger


class TradingCase(Case):
    """A case that compares ledgers."""

    maxDiff = 4000

    def prepare(self, trading, worker=None, supervisor=None):
        """Write a configuration that ends by itself with its feed."""
        section = dict(ENDS_WITH_ITS_FEED, **(worker or {}))
        section["trading"] = trading
        settings = dict(ENDS_WITH_ITS_WORKERS, **(supervisor or {}))
        self.box.write_config({WORKER_NAME: section}, settings)

    def run_to_the_end(self, environ=None):
        run = self.box.start(environ=environ)
        self.assertEqual(run.wait(timeout=300), EXIT_OK, run.tail())

    def ledger(self):
        return self.box.json("ledger", WORKER_NAME)

    def assert_agrees(self, trading):
        """The ledger is the oracle's to the last digit. Returns it."""
        got = self.ledger()
        wanted = comparable(oracle.ledger(WORKER_NAME, trading))
        compared = comparable(got)
        for key, value in wanted.items():
            self.assertIn(key, compared)
            if isinstance(value, list):
                self.assert_same_list(key, compared[key], value)
            self.assertEqual(compared[key], value, key)
        return got

    def assert_same_list(self, name, got, wanted):
        for index, (one, other) in enumerate(zip(got, wanted)):
            self.assertEqual(one, other, "%s[%d]" % (name, index))
        self.assertEqual(len(got), len(wanted), name)
