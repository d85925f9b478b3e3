# SPDX-License-Identifier: Apache-2.0
"""The same input and configuration give the same ledger, to the last digit: the worker against
an implementation of its own, on real and on made-up trades.
"""

import os

import harness
from harness import SAMPLE, SHARED, needs
from random_feed import RandomFeed
from trading import TradingCase, trading_section

MARKET_DATA = os.path.join(SHARED, "market-data")

SMALL_CLUSTERS = {"window": "10m", "min_trades": "4", "min_notional": "3000", "cooldown": "2m",
                  "dominance": "60"}

# Several parameter sets, each on a feed of its own seed.
PARAMETERS = {
    "plain": {},
    "fees": {"paper": {"fee_bps": "7.5", "slippage_bps": "0"}},
    "slippage": {"paper": {"fee_bps": "10", "slippage_bps": "12.25"}},
    "short_selling": {"orders": {"long_only": "no"}, "paper": {"slippage_bps": "3"}},
    "whole_lots": {"orders": {"lot": "1", "order_notional": "50000"}},
    "odd_lots": {"orders": {"lot": "0.003", "order_notional": "777.77"}},
    "position_limit": {"orders": {"max_position_notional": "9999.9999"}},
    "position_limit_above": {"orders": {"max_position_notional": "10000", "long_only": "no"}},
    "day_limit": {"orders": {"max_orders_per_day": "5"}},
    "little_cash": {"paper": {"cash": "10010", "fee_bps": "20"}},
    "no_cooldown": {"flow_cluster": {"cooldown": "0s"}},
    "short_window": {"flow_cluster": {"window": "90s", "min_trades": "2"}},
    "big_events_alone": {"flow_cluster": {"min_event_notional": "900"}},
    "all_of_one_side": {"flow_cluster": {"dominance": "100", "min_trades": "3"}},
}


class Sample(TradingCase):
    def test_sample_of_real_trades(self):
        trading = trading_section(SAMPLE, file={"time_unit": "s"},
                                  flow_cluster={"min_notional": "500"},
                                  orders={"order_notional": "1000"})
        self.prepare(trading)
        self.run_to_the_end()
        ledger = self.assert_agrees(trading)
        self.assertGreater(len(ledger["fills"]), 10)

    def test_second_run_sends_nothing(self):
        trading = trading_section(SAMPLE, file={"time_unit": "s"},
                                  flow_cluster={"min_notional": "500"})
        self.prepare(trading)
        self.run_to_the_end()
        before = self.ledger()
        self.run_to_the_end()
        self.assertEqual(self.ledger(), before)


class Parameters(TradingCase):
    def test_parameter_sets(self):
        for seed, (name, sections) in enumerate(PARAMETERS.items()):
            with self.subTest(name):
                self.box.close()
                self.box = harness.Box()
                self.addCleanup(self.box.close)
                feed = self.box.file("feed.csv", RandomFeed(seed).csv())
                merged = dict(sections)
                merged["flow_cluster"] = dict(SMALL_CLUSTERS, **sections.get("flow_cluster", {}))
                trading = trading_section(feed, **merged)
                self.prepare(trading)
                self.run_to_the_end()
                self.assertTrue(self.assert_agrees(trading)["clusters"], "no cluster: a weak test")


class Batches(TradingCase):
    """The result does not depend on how many events a cycle takes."""

    def check_batch(self, batch):
        feed = self.box.file("feed.csv", RandomFeed(77).csv())
        trading = trading_section(feed, batch=batch, flow_cluster=SMALL_CLUSTERS,
                                  orders={"long_only": "no"})
        self.prepare(trading)
        self.run_to_the_end()
        self.assert_agrees(trading)

    def test_batch_1(self):
        feed = self.box.file("feed.csv", RandomFeed(77, rows=400).csv())
        trading = trading_section(feed, batch="1", flow_cluster=SMALL_CLUSTERS)
        self.prepare(trading)
        self.run_to_the_end()
        self.assert_agrees(trading)

    def test_batch_7(self):
        self.check_batch("7")

    def test_batch_1000(self):
        self.check_batch("1000")

    def test_batch_10000(self):
        self.check_batch("10000")


class Forms(TradingCase):
    """Plain and gzip, CSV and NDJSON, the units of time, columns by other names."""

    def check(self, name, content, **file_options):
        trading = trading_section(self.box.file(name, content), flow_cluster=SMALL_CLUSTERS,
                                  file=file_options)
        self.prepare(trading)
        self.run_to_the_end()
        ledger = self.assert_agrees(trading)
        self.assertTrue(ledger["clusters"], "no cluster: a weak test")

    def test_csv_gzip(self):
        self.check("feed.csv.gz", RandomFeed(101).csv())

    def test_csv_with_carriage_returns(self):
        self.check("feed.csv", RandomFeed(102).csv(newline="\r\n"))

    def test_ndjson(self):
        self.check("feed.ndjson", RandomFeed(103).ndjson())

    def test_ndjson_gzip(self):
        self.check("feed.ndjson.gz", RandomFeed(104).ndjson(), format="ndjson")

    def test_csv_without_sides(self):
        self.check("feed.csv", RandomFeed(105, side=False).csv())

    def test_ndjson_without_sides(self):
        self.check("feed.ndjson", RandomFeed(106, side=False).ndjson())

    def test_rfc3339_with_offset(self):
        self.check("feed.csv", RandomFeed(107).csv("rfc3339"), time_unit="rfc3339")

    def test_seconds(self):
        self.check("feed.csv", RandomFeed(108).csv("s"), time_unit="s")

    def test_milliseconds(self):
        self.check("feed.csv", RandomFeed(109).csv("ms"), time_unit="ms")

    def test_microseconds(self):
        self.check("feed.ndjson", RandomFeed(110).ndjson("us"), time_unit="us")

    def test_own_notional(self):
        self.check("feed.csv", RandomFeed(111, notional=True).csv(), notional="premium")

    def test_own_notional_ndjson(self):
        self.check("feed.ndjson", RandomFeed(112, notional=True).ndjson(), notional="premium")

    def test_fixed_symbol(self):
        feed = RandomFeed(113, symbols=1, trouble=False)
        feed.columns.remove("symbol")
        self.check("feed.csv", feed.csv(), fixed_symbol="ONLY")

    def test_columns_by_other_names(self):
        content = RandomFeed(114).csv()
        header, _, rows = content.partition("\n")
        self.assertEqual(header, "time,symbol,side,price,size,id")
        self.check("feed.csv", "ts,sym,aggressor,px,qty,trade\n" + rows, time="ts", symbol="sym",
                   side="aggressor", price="px", size="qty", id="trade")


@needs(MARKET_DATA, "the shared market data")
class SharedFeeds(TradingCase):
    def check(self, name, flow_cluster, orders=None, time_unit="rfc3339", batch="1000"):
        trading = trading_section(os.path.join(MARKET_DATA, name), batch=batch,
                                  file={"time_unit": time_unit}, flow_cluster=flow_cluster,
                                  orders=orders or {}, paper={"fee_bps": "10", "slippage_bps": "5"})
        self.prepare(trading)
        self.run_to_the_end()
        self.assertTrue(self.assert_agrees(trading)["fills"], "no fill: a weak test")

    def test_binance_xrpeth(self):
        self.check("binance-xrpeth.csv", {"min_notional": "5"}, {"order_notional": "10"})

    def test_binance_ethusdt(self):
        self.check("binance-ethusdt.csv", {"window": "10s", "cooldown": "5s"}, batch="7")

    def test_bitstamp(self):
        self.check("bitstamp-btcusd-noside.csv", {"min_notional": "300"},
                   {"order_notional": "1000", "long_only": "no"}, time_unit="s")

    def test_hitbtc(self):
        self.check("hitbtc-20-symbols.csv", {"min_notional": "1", "min_trades": "3"},
                   {"order_notional": "100"})


if __name__ == "__main__":
    harness.main()
