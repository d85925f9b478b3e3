# SPDX-License-Identifier: Apache-2.0
"""What stops orders until a person says otherwise: hold and resume on a running worker and with
nothing running, over kills of the worker and the supervisor, and told to workers in other languages.
"""

import os
import signal

import harness
from harness import (EXIT_OK, EXIT_OSERR, EXIT_USAGE, Case, misbehaving, wait_until)
from trading import TradingCase, trading_section

T0 = 1767605400 * 10**9  # 2026-01-05T09:30:00Z
HEADER = "time,symbol,side,price,size,id\n"


class Feed:
    """A file of trades, each of which is a cluster: it is followed while more are written."""

    def __init__(self, box):
        self.path = box.file("trades.csv", HEADER)
        self.number = 0

    def add(self, symbol, side, price, seconds=10):
        self.number += 1
        with open(self.path, "a") as file:
            file.write("%d,%s,%s,%s,1,%d\n"
                       % (T0 + self.number * seconds * 10**9, symbol, side, price, self.number))

    def section(self, follow="yes", **sections):
        return trading_section(self.path, file={"follow": follow}, cycle="20ms",
                               flow_cluster={"window": "1s", "min_trades": "1", "min_notional": "0",
                                             "cooldown": "1s"}, **sections)


class HoldCase(TradingCase):
    """A worker on a feed that goes on."""

    def setUp(self):
        super().setUp()
        self.feed = Feed(self.box)

    def start(self, worker=None, **sections):
        settings = dict({"restart_delay": "1ms"}, **(worker or {}))
        self.box.write_config({"flow": dict(settings, trading=self.feed.section(**sections))},
                              {"intensity": "20"})
        run = self.box.start()
        run.wait_for("worker.ready", worker="flow")
        return run

    def trade(self, symbol, side="buy", price="100"):
        """One more trade; what became of its cluster, once the ledger has it."""
        self.feed.add(symbol, side, price)

        def outcome():
            result = self.box.call("ledger", "flow", "--json")
            clusters = harness.json.loads(result.stdout)["clusters"] if result.returncode == 0 else []
            return clusters[self.feed.number - 1] if len(clusters) >= self.feed.number else None

        return wait_until(outcome, "the cluster of trade %d" % self.feed.number).get("skipped")

    def status(self):
        return self.box.call("status").stdout.splitlines()[0]

    def resume(self, *arguments):
        result = self.box.call("resume", "--reason", "seen to", *arguments)
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        return result.stdout


class Running(HoldCase):
    def test_hold_and_resume(self):
        run = self.start()
        self.assertIsNone(self.trade("A"))
        result = self.box.call("hold", "--reason", "the exchange is\ndown")
        self.assertEqual((result.returncode, result.stdout), (EXIT_OK, "all workers: held\n"))
        event = run.wait_for("supervisor.hold", rule="hold", uid=os.getuid())
        self.assertEqual((event["reason"], event.get("worker")), ("the exchange is\ndown", None))
        self.assertEqual(self.trade("B"), "risk:hold")
        refused = run.wait_for("order.refused", worker="flow", rule="hold")
        self.assertEqual((refused["symbol"], refused["side"], refused["price"]), ("B", "buy", "100.00000000"))
        self.assertEqual(self.trade("A", "sell"), "risk:hold")

        self.assertIn("HELD (all workers: hold: the exchange is", self.status())
        answer = self.box.json("status")
        self.assertIn("all workers: hold", answer["supervisor"]["held"])
        self.assertEqual([(latch.get("worker"), latch["rule"], latch["reason"], latch["uid"])
                          for latch in answer["latches"]],
                         [(None, "hold", "the exchange is\ndown", os.getuid())])
        self.assertEqual((answer["workers"][0]["held"], answer["workers"][0]["state"]), ("hold", "up"))

        self.assertIn("all workers: hold cleared: the exchange is", self.resume())
        event = run.wait_for("supervisor.resume", rule="hold", reason="seen to", uid=os.getuid())
        self.assertEqual(event["set_reason"], "the exchange is\ndown")
        self.assertIsNone(self.trade("A", "sell"))
        self.assertNotIn("HELD", self.status())
        self.assertEqual(self.box.json("status")["latches"], [])
        self.assertEqual(run.count("worker.start"), 1)
        self.assertEqual(run.stop(), EXIT_OK)
        with open(os.path.join(self.box.state, "latches.log")) as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 1)
        for part in ("cleared ", " rule=hold ", ' reason="seen to"', r' set_reason="the exchange is\ndown"'):
            self.assertIn(part, lines[0])

    def test_over_kills_of_worker_and_supervisor(self):
        run = self.start()
        self.assertEqual(self.box.call("hold", "flow", "--reason", "r").returncode, EXIT_OK)
        os.kill(run.worker_pid("flow"), signal.SIGKILL)
        run.wait_for("worker.ready", count=2)
        self.assertEqual(self.trade("A"), "risk:hold")
        run.kill()
        run = self.start()
        self.assertEqual(self.trade("B"), "risk:hold")
        self.assertIn("HELD (flow: hold: r)", self.status())
        self.assertIn("flow: hold cleared: r", self.resume("flow"))
        self.assertIsNone(self.trade("C"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_one_workers_hold_is_cleared_alone(self):
        run = self.start()
        for arguments in ((), ("flow",)):
            self.assertEqual(self.box.call("hold", *arguments).returncode, EXIT_OK)
        self.assertEqual(self.resume("flow"), "flow: hold cleared\nall workers: hold still stops orders\n")
        self.assertEqual(self.trade("A"), "risk:hold")
        self.assertEqual(self.resume(), "all workers: hold cleared\n")
        self.assertEqual(self.resume(), "all workers: nothing stops orders\n")
        self.assertIsNone(self.trade("B"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_what_cannot_be_read_stops(self):
        run = self.start()
        self.box.file("state/latches", "this should be a directory")
        self.assertEqual(self.trade("A"), "risk:latch")
        self.assertIn("HELD (all workers: latch: latches: Not a directory)", self.status())
        self.assertEqual(self.box.call("resume", "--reason", "r").returncode, EXIT_OSERR)
        os.unlink(os.path.join(self.box.state, "latches"))
        self.assertIsNone(self.trade("B"))
        self.box.file("state/latches/flow@hold", "")
        self.assertEqual(self.trade("C"), "risk:hold")
        self.assertIn("HELD (flow: hold: its file is damaged)", self.status())
        self.resume("flow")
        self.assertIsNone(self.trade("D"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_usage(self):
        run = self.start()
        for arguments in (("resume",), ("resume", "--reason", ""), ("hold", "nobody"),
                          ("resume", "nobody", "--reason", "r")):
            self.assertEqual(self.box.call(*arguments).returncode, EXIT_USAGE, arguments)
        self.assertEqual(self.box.ask("resume")[-1].split()[:2], ["error", "code=64"])
        self.assertEqual(self.box.json("status")["latches"], [])
        self.assertEqual(run.stop(), EXIT_OK)

    def test_json(self):
        run = self.start()
        self.assertEqual(self.box.json("hold", "flow", "--reason", "r"),
                         {"worker": "flow", "verb": "hold", "ok": True})
        answer = self.box.json("resume", "flow", "--reason", "s")
        self.assertEqual([(latch["worker"], latch["rule"], latch["reason"]) for latch in answer["cleared"]],
                         [("flow", "hold", "r")])
        self.assertEqual((answer["left"], answer["ok"]), ([], True))
        self.assertEqual(run.stop(), EXIT_OK)


class NothingRuns(HoldCase):
    def test_hold_and_resume(self):
        self.prepare(self.feed.section(follow="no"))
        result = self.box.call("hold", "--reason", "r")
        self.assertEqual((result.returncode, result.stdout), (EXIT_OK, "all workers: held\n"))
        self.assertIn("no supervisor answers; done in " + self.box.state, result.stderr)
        self.feed.add("A", "buy", "100")
        self.run_to_the_end()
        self.assertEqual([c["skipped"] for c in self.ledger()["clusters"]], ["risk:hold"])
        self.assertEqual(self.resume(), "all workers: hold cleared: r\n")
        self.feed.add("B", "buy", "100")
        self.run_to_the_end()
        self.assertEqual([c.get("skipped") for c in self.ledger()["clusters"]], ["risk:hold", None])

    def test_usage(self):
        self.prepare(self.feed.section())
        self.assertEqual(self.box.call("hold", "nobody").returncode, EXIT_USAGE)
        self.assertEqual(self.box.call("resume").returncode, EXIT_USAGE)
        self.assertFalse(os.path.exists(os.path.join(self.box.state, "latches")))


class OtherLanguages(Case):
    """A worker of any language is told, when it is held and when it comes up held."""

    def said(self):
        return self.box.json("status")["workers"][0].get("status")

    def test_told(self):
        self.box.write_config({"bot": misbehaving("obeys"), "other": misbehaving("obeys")})
        run = self.box.start()
        for name in ("bot", "other"):
            run.wait_for("worker.ready", worker=name)
        wait_until(lambda: [worker.get("status") for worker in self.box.json("status")["workers"]]
                   == ["never told", "never told"], "their first words")
        self.assertEqual(self.box.call("hold", "bot", "--reason", "lunch").returncode, EXIT_OK)
        wait_until(lambda: "hold: lunch" in self.said(), "the hold")
        self.assertEqual(self.box.json("status")["workers"][1]["status"], "never told")
        os.kill(run.worker_pid("bot"), signal.SIGKILL)
        run.wait_for("worker.ready", worker="bot", count=2)
        wait_until(lambda: "hold: lunch" in (self.said() or ""), "the hold after a restart")
        self.assertEqual(self.box.call("resume", "bot", "--reason", "full").returncode, EXIT_OK)
        wait_until(lambda: self.said() == "free", "the end of it")
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
