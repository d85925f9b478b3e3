# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a real tradesup-web beside a trading worker that trades, heals and is restarted: it gives
back what the ledger says, each panel of the dashboard has something to show, and the alerts fire.
"""

import json
import os
import math
import re
import shutil
import signal
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import TIMEOUT, TREE, wait_until
from test_healing_case import HealingCase

PROMETHEUS = shutil.which("prometheus")
RULES = os.path.join(TREE, "etc", "prometheus", "tradesup.rules.yml")
DASHBOARD = os.path.join(TREE, "etc", "grafana", "tradesup.json")

# Each event is a cluster; the first three become orders, those after them are refused.
TRADING = {"cycle": "50ms", "feed": "file", "file": {"follow": "yes", "time_unit": "s"},
           "flow_cluster": {"window": "1s", "min_trades": "1", "min_notional": "0", "cooldown": "0s"},
           "orders": {"max_orders_per_day": "3"}}

EVENTS = 20


class Real(HealingCase):
    """A supervisor with a trading worker, another one, and tradesup-web."""

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.box.state, "flow", "cache"))
        self.replace_registry(self.registry_text())
        feed = os.path.join(self.box.path, "trades.csv")
        with open(feed, "w") as file:
            file.write("time,symbol,side,price,size,id\n")
            for i in range(EVENTS):
                file.write("%d,BTC,%s,%d,1,%d\n" % (1000 + 10 * i, "sell" if i % 2 else "buy", 100 + i, i))
        trading = dict(TRADING, registry=self.registry, file=dict(TRADING["file"], path=feed))
        self.box.write_config({
            "flow": {"trading": trading}, "calm": {"command": ["sleep", "600"]},
            "web": {"command": ["tradesup-web", "--listen", "127.0.0.1:0", "--interval", "100ms"]}})
        self.run_ = self.box.start()
        line = self.run_.wait_for("worker.output", worker="web", line=lambda text: "listens on" in text)["line"]
        self.web = re.search(r"127\.0\.0\.1:\d+", line).group(0)

    def metrics(self):
        with urllib.request.urlopen("http://%s/metrics" % self.web, timeout=TIMEOUT) as answer:
            return answer.read().decode()

    def wait_for_sample(self, sample):
        return wait_until(lambda: sample in self.metrics().splitlines(), "the sample " + sample)

    def crash(self, worker):
        """Kill it, and wait until it is well again."""
        verified = self.run_.count("self_healing.verified", worker=worker)
        os.kill(self.run_.worker_pid(worker), signal.SIGKILL)
        self.run_.wait_for("self_healing.verified", worker=worker, count=verified + 1)

    def heal(self):
        """The trading worker loses an entry of its registry, and heals it."""
        self.replace_registry(self.registry_text(with_heartbeat=False))
        self.run_.wait_for("self_healing.pre_check_heal_success", worker="flow")

    def settled(self):
        """The ledger once the orders of the feed have all been placed, filled or refused."""
        self.wait_for_sample('tradesup_orders{worker="flow",state="filled"} 3')
        return wait_until(self.whole_ledger, "all of the feed to be read")

    def whole_ledger(self):
        ledger = self.box.json("ledger", "flow")
        return ledger if ledger["events"] == EVENTS else None


@unittest.skipUnless(PROMETHEUS, "prometheus is not installed")
class Scraped(Real):
    def start_prometheus(self, rules=RULES):
        config = os.path.join(self.box.path, "prometheus.yml")
        with open(config, "w") as file:
            json.dump({  # which is YAML, too
                "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
                "rule_files": [rules],
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

    def samples(self, query):
        """[(labels, value)] of what is a number; empty while there is nothing."""
        data = self.ask("query", query=query) or {"result": []}
        values = [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]
        return [(labels, value) for labels, value in values if math.isfinite(value)]

    def wait_for_value(self, query, wanted):
        wait_until(lambda: [value for _, value in self.samples(query)] == [wanted], "%s to be %s" % (query, wanted))


class Ledger(Scraped):
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


class Alerts(Scraped):
    """The rules as they are, but that nothing has to last for minutes. When they are due and when not is
    told by promtool, over made-up time, in test_web.py.
    """

    def setUp(self):
        super().setUp()
        with open(RULES) as file:
            text = file.read()
        self.names = re.findall(r"alert: (\w+)", text)
        self.start_prometheus(self.box.file("rules.yml", re.sub(r"\bfor: \d+m", "for: 1s", text)))

    def rules(self):
        data = self.ask("rules") or {"groups": []}
        return {rule["name"]: rule for group in data["groups"] for rule in group["rules"]}

    def wait_for_alert(self, name, **labels):
        def is_firing():
            return any(alert["state"] == "firing" and labels.items() <= alert["labels"].items()
                       for alert in self.rules().get(name, {"alerts": []})["alerts"])

        wait_until(is_firing, "the alert %s" % name)

    def test_they_fire_for_what_really_happens(self):
        wait_until(lambda: list(self.rules()) == self.names, "the rules")
        wait_until(lambda: all(rule["health"] == "ok" for rule in self.rules().values()), "them to be evaluated")
        # With some samples from before, for increase() draws them out to the whole of its time.
        restarts = 'tradesup_worker_restarts_total{worker="flow"}'
        wait_until(lambda: [n for _, n in self.samples("count_over_time(%s[1h])" % restarts) if n >= 5], "samples")
        self.crash("flow")
        self.wait_for_value(restarts, 1)
        self.assertEqual(self.rules()["TradesupRestarts"]["alerts"], [])
        self.crash("flow")
        self.wait_for_alert("TradesupRestarts", worker="flow", severity="warning")
        self.assertEqual(self.rules()["TradesupHeld"]["alerts"], [])
        self.box.call("hold", "--reason", "test")
        self.wait_for_alert("TradesupHeld")
        self.box.call("stop", "calm")
        self.wait_for_alert("TradesupWorkerDown", worker="calm", severity="page")
        self.run_.kill()
        self.wait_for_alert("TradesupGone", severity="page")


class Dashboard(Scraped):
    RANGE = "1h"  # whatever happened is in it, however long the machine takes

    def wait_for_panel(self, target):
        """All of its curves: what the legend speaks of is there, and the trading worker is among them."""
        query = (target["expr"].replace("$instance", ".*").replace("$worker", ".*")
                 .replace("$__rate_interval", self.RANGE))
        samples = wait_until(lambda: self.samples(query), "data of " + query)
        for name in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            self.assertTrue(all(labels.get(name) for labels, _ in samples), (query, name, samples))
        if any("worker" in labels for labels, _ in samples):
            wait_until(lambda: any(labels.get("worker") == "flow" for labels, _ in self.samples(query)),
                       "the trading worker in " + query)

    def test_each_of_its_panels_has_data(self):
        self.start_prometheus()
        restarts = 'tradesup_worker_restarts_total{worker="flow"}'
        self.wait_for_value(restarts, 0)
        self.settled()
        self.heal()
        self.crash("flow")
        self.wait_for_value(restarts, 1)
        with open(DASHBOARD) as file:
            board = json.load(file)
        targets = [target for panel in board["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(targets), 20)
        for target in targets:
            self.wait_for_panel(target)
        for entry in board["templating"]["list"]:
            if "definition" in entry:
                self.check_variable(entry["name"], entry["definition"])

    def check_variable(self, name, definition):
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", definition).groups()
        values = self.ask("label/%s/values" % label, **{"match[]": selector.replace("$instance", ".*")})
        self.assertIn({"instance": self.web, "worker": "flow"}[name], values)


if __name__ == "__main__":
    harness.main()
