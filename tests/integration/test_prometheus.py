# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a real tradesup-web beside a trading worker, and gives back what the
ledger says; the alert rules and the dashboard are of use on what is really there.
"""

import json
import os
import re
import shutil
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import Case, TIMEOUT, TREE, misbehaving, wait_until

PROMETHEUS = shutil.which("prometheus")
RULES = os.path.join(TREE, "etc", "prometheus", "tradesup.rules.yml")
DASHBOARD = os.path.join(TREE, "etc", "grafana", "tradesup.json")

# Each event is a cluster; the first three become orders, those after them are refused.
TRADING = {"cycle": "50ms", "feed": "file", "file": {"follow": "yes", "time_unit": "s"},
           "flow_cluster": {"window": "1s", "min_trades": "1", "min_notional": "0", "cooldown": "0s"},
           "orders": {"max_orders_per_day": "3"}}

EVENTS = 20


class Real(Case):
    """A supervisor with a trading worker, one that is restarted, and tradesup-web."""

    def setUp(self):
        super().setUp()
        feed = os.path.join(self.box.path, "trades.csv")
        with open(feed, "w") as file:
            file.write("time,symbol,side,price,size,id\n")
            for i in range(EVENTS):
                file.write("%d,BTC,%s,%d,1,%d\n" % (1000 + 10 * i, "sell" if i % 2 else "buy", 100 + i, i))
        trading = dict(TRADING, file=dict(TRADING["file"], path=feed))
        self.box.write_config({
            "flow": {"trading": trading}, "calm": misbehaving("calm"),
            "web": {"command": ["tradesup-web", "--listen", "127.0.0.1:0", "--interval", "100ms"]}})
        self.run_ = self.box.start()
        line = self.run_.wait_for("worker.output", worker="web", line=lambda text: "listens on" in text)["line"]
        self.web = re.search(r"127\.0\.0\.1:\d+", line).group(0)

    def metrics(self):
        with urllib.request.urlopen("http://%s/metrics" % self.web, timeout=TIMEOUT) as answer:
            return answer.read().decode()

    def wait_for_sample(self, sample):
        return wait_until(lambda: sample in self.metrics().splitlines(), "the sample " + sample)

    def restart(self):
        """What heals, so that there is something of each family."""
        self.box.call("restart", "calm")
        os.kill(self.run_.worker_pid("calm"), 9)
        self.run_.wait_for("self_healing.verified", worker="calm")

    def settled(self):
        """The ledger once the orders of the feed have all been placed, filled or refused."""
        self.wait_for_sample('tradesup_orders{worker="flow",state="filled"} 3')
        return wait_until(self.whole_ledger, "all of the feed to be read")

    def whole_ledger(self):
        ledger = self.box.json("ledger", "flow")
        return ledger if ledger["events"] == EVENTS else None


@unittest.skipUnless(PROMETHEUS, "prometheus is not installed")
class Scraped(Real):
    def start_prometheus(self):
        config = os.path.join(self.box.path, "prometheus.yml")
        with open(config, "w") as file:
            json.dump({  # which is YAML, too
                "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
                "rule_files": [RULES],
                "scrape_configs": [{"job_name": "tradesup", "scrape_interval": "1s", "scrape_timeout": "1s",
                                    "static_configs": [{"targets": [self.web]}]}]}, file)
        path = os.path.join(self.box.path, "prometheus.log")
        log = open(path, "w")
        self.addCleanup(log.close)
        self.prometheus = subprocess.Popen(
            [PROMETHEUS, "--config.file=" + config, "--storage.tsdb.path=" + os.path.join(self.box.path, "tsdb"),
             "--web.listen-address=127.0.0.1:0"], stdout=log, stderr=log, env={"HOME": self.box.path})
        self.addCleanup(self.prometheus.wait)
        self.addCleanup(self.prometheus.kill)
        self.api = "http://%s/api/v1/" % wait_until(lambda: self.listens_on(path), "prometheus to listen").group(1)

    @staticmethod
    def listens_on(path):
        with open(path) as file:
            return re.search(r'"Listening on" address=(127\.0\.0\.1:[1-9]\d*)\s', file.read())

    def ask(self, what, **query):
        """None: it is not there yet."""
        self.assertIsNone(self.prometheus.poll(), "prometheus has ended")
        try:
            with urllib.request.urlopen(self.api + what + "?" + urllib.parse.urlencode(query),
                                        timeout=TIMEOUT) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError):
            return None

    def value(self, query):
        data = self.ask("query", query=query)
        return data["result"][0]["value"][1] if data and data["result"] else None

    def wait_for_value(self, query, wanted):
        wait_until(lambda: float(self.value(query) or "nan") == wanted, "%s to be %s" % (query, wanted))

    def test_what_it_has_is_what_the_ledger_says(self):
        self.start_prometheus()
        ledger = self.settled()
        for query, wanted in (
                ('tradesup_equity{worker="flow"}', float(ledger["equity"])),
                ('tradesup_cash{worker="flow"}', float(ledger["cash"])),
                ('tradesup_positions{worker="flow"}', len(ledger["positions"])),
                ('tradesup_orders{worker="flow",state="filled"}', len(ledger["fills"])),
                ('tradesup_orders_refused_total{worker="flow",rule="max_orders_per_day"}',
                 sum("risk:" in cluster.get("skipped", "") for cluster in ledger["clusters"])),
                ('tradesup_worker_up{worker="calm"}', 1)):
            self.wait_for_value(query, wanted)
        self.assertGreater(len(ledger["fills"]), 0)
        self.box.call("stop", "calm")
        self.wait_for_value('tradesup_worker_up{worker="calm"}', 0)
        self.look_at_rules()

    def look_at_rules(self):
        """All of them are evaluated without an error, and the one that is due is pending."""
        def rules():
            data = self.ask("rules") or {"groups": []}
            return [rule for group in data["groups"] for rule in group["rules"]]

        wait_until(lambda: rules() and all(rule["health"] == "ok" for rule in rules()), "the rules to be evaluated")
        with open(RULES) as file:
            self.assertEqual([rule["name"] for rule in rules()], re.findall(r"alert: (\w+)", file.read()))
        self.box.call("hold", "--reason", "test")
        wait_until(lambda: [rule["state"] for rule in rules() if rule["name"] == "TradesupHeld"] == ["pending"],
                   "the alert TradesupHeld")


class Dashboard(Real):
    def test_it_asks_for_nothing_that_is_not_there(self):
        self.settled()
        self.restart()
        self.wait_for_sample('tradesup_heals{worker="calm",level="3",kind="crash",outcome="success"} 1')
        there = set(re.findall(r"^(tradesup_\w+)[{ ]", self.metrics(), re.MULTILINE))
        with open(DASHBOARD) as file:
            board = json.load(file)
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        wanted = [target["expr"] for panel in panels for target in panel["targets"]]
        wanted += [entry["definition"] for entry in board["templating"]["list"] if "definition" in entry]
        for expression in wanted:
            names = set(re.findall(r"tradesup_\w+", expression))
            self.assertTrue(names, expression)
            self.assertEqual(names - there, set(), expression)

    @unittest.skipUnless(PROMETHEUS, "prometheus is not installed")
    def test_each_of_its_expressions_is_one(self):
        with open(DASHBOARD) as file:
            panels = json.load(file)["panels"]
        rules = [{"record": "a:b", "expr": target["expr"].replace("$__rate_interval", "1m")}
                 for panel in panels for target in panel.get("targets", [])]
        path = os.path.join(self.box.path, "expressions.yml")
        for number, rule in enumerate(rules):
            rule["record"] = "a:b%d" % number
        with open(path, "w") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        check = subprocess.run(["promtool", "check", "rules", path], text=True, check=False,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(check.returncode, 0, check.stdout)


if __name__ == "__main__":
    harness.main()
