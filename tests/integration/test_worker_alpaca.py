# SPDX-License-Identifier: Apache-2.0
"""A real broker: what the worker does with one that loses answers, forgets, and holds what nobody
ordered. The many orders and the kills at every step are another test's.
"""

import json
import os
import sqlite3
import subprocess
from decimal import Decimal

import harness
from alpaca_lies import Rule
from alpaca_standin import Standin
from fakesup import WorkerCase
from harness import EXIT_OK, EXIT_OSERR, EXIT_UNAVAILABLE, WORKER, wait_until

HEADER = "time,symbol,side,price,size,id\n"
DIFFERS = 1


class Alone:
    """A worker without a supervisor, whose events can be read while it runs."""

    def __init__(self, box, name="flow"):
        self.path = os.path.join(box.path, "output")
        with open(self.path, "wb") as file:
            self.process = subprocess.Popen([WORKER, "-c", box.config, name], env=box.environ, cwd=box.path,
                                            stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def output(self):
        with open(self.path, errors="replace") as file:
            return file.read()

    def status(self):
        try:
            return self.process.wait(harness.TIMEOUT)
        except subprocess.TimeoutExpired as late:
            raise AssertionError("the worker does not end\n" + self.output()) from late

    def kill(self):
        self.process.kill()
        self.process.wait()


class BrokerCase(WorkerCase):
    def alone(self, name="flow"):
        worker = Alone(self.box, name)
        self.addCleanup(worker.kill)
        return worker

    def setUp(self):
        super().setUp()
        self.box.file("id", "the-key-id\n")
        self.box.file("secret", "the-secret-key\n")
        for name in ("id", "secret"):
            os.chmod(os.path.join(self.box.path, name), 0o600)
        self.serve()

    def serve(self, **settings):
        self.standin = Standin(key=("the-key-id", "the-secret-key"), **settings).start()
        self.addCleanup(self.standin.stop)

    def trades(self, *rows):
        """A feed of trades (symbol, side, price), a second apart, each of which is a cluster."""
        lines = ["2026-01-05T09:%02d:%02dZ,%s,%s,%s,100,%d\n" % (n // 60, n % 60, symbol, side, price, n)
                 for n, (symbol, side, price) in enumerate(rows)]
        self.box.file("trades.csv", HEADER + "".join(lines))

    def settings(self, follow="no", **alpaca):
        terms = {"base_url": self.standin.url, "key_id_file": "id", "secret_key_file": "secret",
                 "settle": "300ms", "timeout": "5s", "rate": "10000"}
        terms.update(alpaca)
        self.configure(cycle="10ms", feed="file", file={"path": "trades.csv", "follow": follow},
                       flow_cluster={"min_trades": "1", "min_notional": "1", "cooldown": "1s",
                                     "window": "1s", "dominance": "0"},
                       broker="alpaca", alpaca=terms)

    def run_to_the_end(self):
        worker = self.alone()
        self.assertEqual(worker.status(), EXIT_OK, worker.output())
        return worker.output()

    def ledger(self):
        result = self.call("--ledger", "--json", "-c", self.box.config, "flow")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        return json.loads(result.stdout)

    def order(self):
        order, = self.ledger()["orders"]
        return order

    def assert_books_agree(self):
        """Every order at the broker once and in the journal, with the same fills; the same positions."""
        ledger, book = self.ledger(), self.standin.state()
        at_broker = [order["client_order_id"] for order in book["orders"]]
        self.assertEqual(len(at_broker), len(set(at_broker)), "an order twice")
        filled = {}
        for fill in ledger["fills"]:
            key = fill["client_order_id"]
            filled[key] = filled.get(key, Decimal(0)) + Decimal(fill["quantity"])
        for order in book["orders"]:
            self.assertEqual(filled.get(order["client_order_id"], 0), Decimal(order["filled_qty"]))
        self.assertEqual({p["symbol"]: Decimal(p["quantity"]) for p in ledger["positions"]},
                         {symbol: Decimal(quantity) for symbol, quantity in book["positions"].items()})
        self.assertEqual(Decimal(ledger["cash"]), Decimal(book["cash"]).quantize(Decimal("1e-8")))
        self.assertEqual(book["breaches"], [])
        return ledger


class Orders(BrokerCase):
    def test_filled_and_told(self):
        self.trades(("AAPL", "buy", "10"), ("BTC/USD", "buy", "20"))
        self.settings()
        output = self.run_to_the_end()
        ledger = self.assert_books_agree()
        self.assertEqual([order["status"] for order in ledger["orders"]], ["filled"] * 2)
        for event in ("order.sent", "order.open", "order.filled"):
            self.assertEqual(output.count(event + " worker=flow client_order_id="), 2, output)
        self.assertNotIn("the-secret-key", output)
        terms = [request["terms"]["time_in_force"] for request in self.standin.seen("place")]
        self.assertEqual(terms, ["day", "gtc"])
        self.run_to_the_end()
        self.assertEqual(len(self.standin.seen("place")), 2, "the second run has sent something")

    def test_the_answer_is_lost_and_the_order_hidden_for_a_while(self):
        """No second request: it is looked for until it is there."""
        self.standin.tell(Rule("place", "none", hide=0.2))
        self.trades(("AAPL", "buy", "10"))
        self.settings(settle="2s")
        output = self.run_to_the_end()
        self.assertEqual(len(self.standin.seen("place")), 1)
        for event in ("order.unknown", "order.adopted", "order.filled"):
            self.assertIn(event, output)
        self.assert_books_agree()

    def test_it_never_arrived(self):
        """Looked for until `settle` has passed, and then sent again under the same id."""
        self.standin.tell(Rule("place", "504", accept=False))
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.run_to_the_end()
        first, second = self.standin.seen("place")
        self.assertEqual(first["client_order_id"], second["client_order_id"])
        self.assertGreaterEqual(second["monotonic"] - first["monotonic"], 0.3)
        self.assert_books_agree()

    def test_foreign_and_broken_answers_prove_nothing(self):
        for answer in ("foreign_json", "broken_json", "other_order", "truncated"):
            with self.subTest(answer=answer):
                self.box.close()
                self.setUp()
                self.standin.tell(Rule("place", answer))
                self.trades(("AAPL", "buy", "10"))
                self.settings()
                self.assertIn("order.unknown", self.run_to_the_end())
                self.assertEqual(len(self.standin.seen("place")), 1)
                self.assertEqual(self.assert_books_agree()["orders"][0]["status"], "filled")

    def test_look_ups_fail_for_long(self):
        """Nothing is concluded, no other order goes in the symbol, and it is adopted in the end."""
        self.standin.tell(Rule("place", "none"), Rule("lookup", "503", times=6))
        self.trades(("AAPL", "buy", "10"), ("AAPL", "buy", "11"), ("AAPL", "sell", "11"))
        self.settings()
        output = self.run_to_the_end()
        self.assertEqual(output.count("order.sent"), 1, output)
        self.assertEqual([cluster.get("skipped") for cluster in self.ledger()["clusters"]],
                         [None, "order_open", "order_open"])
        self.assert_books_agree()

    def test_parts_cancelled(self):
        self.standin.book.plan = "partial_canceled"
        self.trades(("AAPL", "buy", "10"))
        self.settings(settle="10s")
        self.run_to_the_end()
        order = self.order()
        self.assertEqual((order["status"], order["reason"]), ("canceled", "canceled"))
        self.assert_books_agree()

    def test_refused_by_the_broker(self):
        self.standin.book.cash = Decimal(5)
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.assertIn("order.rejected", self.run_to_the_end())
        order = self.order()
        self.assertEqual(order["status"], "rejected")
        self.assertIn("insufficient buying power", order["reason"])

    def test_the_id_is_in_use(self):
        """Cancelled, or of other terms: no success, and a person must look at it."""
        for before, status in (("canceled", "canceled"), ("terms", "rejected")):
            with self.subTest(before=before):
                self.box.close()
                self.setUp()
                self.standin.tell(Rule("place", before=before))
                self.trades(("AAPL", "buy", "10"), ("MSFT", "buy", "10"))
                self.settings()
                self.assertIn("order.mismatch", self.run_to_the_end())
                ledger = self.ledger()
                self.assertEqual(ledger["orders"][0]["status"], status)
                self.assertEqual(len(ledger["orders"]), 1)
                self.assertEqual(ledger["clusters"][1]["skipped"], "risk:mismatch")

    def test_given_up_and_there_after_all(self):
        self.standin.tell(Rule("place", "none", accept=False, later=2.5))
        self.trades(("AAPL", "buy", "10"))
        self.settings(max_age="600ms")
        self.assertIn("order.expired", self.run_to_the_end())
        self.assertEqual(self.order()["status"], "expired")
        wait_until(lambda: self.standin.state()["orders"], "the late order")
        self.assertIn("order.mismatch", self.run_to_the_end())
        self.assertEqual(self.order()["status"], "filled")
        self.assertEqual(len(self.standin.seen("place")), 1)
        self.assert_books_agree()

    def test_too_many_requests(self):
        """Nothing at all before the reset, whoever asks."""
        self.standin.tell(Rule("place", "429", accept=False, wait=2))
        self.trades(("AAPL", "buy", "10"), ("MSFT", "buy", "10"))
        self.settings()
        worker = self.alone()
        wait_until(lambda: "broker.busy" in worker.output(), "broker.busy")
        worker.kill()
        self.run_to_the_end()
        self.assertEqual(self.standin.state()["early"], 0)
        self.assert_books_agree()

    def wait_for_cycles(self, number):
        cycles = self.json("heartbeat.json")["iter_count"]
        wait_until(lambda: self.json("heartbeat.json")["iter_count"] > cycles + number, "more cycles")

    def test_bad_keys(self):
        """It says so once, asks no more, and stays alive."""
        self.box.file("secret", "another\n")
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        worker = self.alone()
        wait_until(lambda: "broker.locked" in worker.output(), "broker.locked")
        self.wait_for_cycles(20)  # requests that were on their way
        asked = len(self.standin.seen())
        self.wait_for_cycles(20)
        self.assertEqual(len(self.standin.seen()), asked)
        self.assertEqual(worker.output().count("broker.locked"), 1)
        self.assertIsNone(worker.process.poll())


class Account(BrokerCase):
    def hold_something(self):
        self.standin.book.place({"symbol": "TSLA", "qty": "3", "side": "buy", "type": "market",
                                 "time_in_force": "day"}, plan="instant")
        self.standin.book.orders.clear()

    def reconcile(self, *options):
        return self.call("--reconcile", "-c", self.box.config, *options, "flow")

    def test_what_nobody_ordered_stops_new_orders_until_it_is_accepted(self):
        self.hold_something()
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.assertIn("order.mismatch worker=flow symbol=TSLA", self.run_to_the_end())
        self.assertEqual(self.ledger()["clusters"][0]["skipped"], "risk:mismatch")
        self.assertEqual(self.standin.seen("place"), [])
        result = self.reconcile("--json")
        self.assertEqual(result.returncode, DIFFERS, result.stderr)
        self.assertEqual(json.loads(result.stdout)["positions"],
                         [{"symbol": "TSLA", "journal": "0.00000000", "broker": "3.00000000", "explained": False}])
        everybody = self.call("--reconcile", "-c", self.box.config, "--json")
        self.assertEqual((everybody.returncode, everybody.stdout), (DIFFERS, result.stdout), everybody.stderr)
        self.assertEqual(self.reconcile("--accept").returncode, EXIT_OK)
        self.trades(("AAPL", "buy", "10"), ("MSFT", "buy", "10"))
        self.assertIn("order.reconciled", self.run_to_the_end())
        ledger = self.assert_books_agree()
        self.assertEqual([order["symbol"] for order in ledger["orders"]], ["MSFT"])
        self.assertEqual(self.reconcile().returncode, EXIT_OK)

    def test_what_was_accepted_must_still_be_so(self):
        self.hold_something()
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.run_to_the_end()
        self.assertEqual(self.reconcile("--accept").returncode, EXIT_OK)
        self.hold_something()
        output = self.run_to_the_end()
        self.assertNotIn("order.reconciled", output)
        self.assertIn("order.mismatch", output)

    def test_an_order_that_nobody_made(self):
        self.standin.book.place({"symbol": "TSLA", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day",
                                 "client_order_id": "by-hand"}, plan="never")
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.assertIn("client_order_id=by-hand", self.run_to_the_end())
        self.assertEqual(self.standin.seen("place"), [])

    def test_the_other_workers_of_the_account_explain_theirs(self):
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.run_to_the_end()
        with open(self.box.config) as file:
            text = file.read()
        start = text.index("worker flow")
        self.box.file("tradesup.conf", text + text[start:].replace("worker flow", "worker other"))
        worker = self.alone("other")
        self.assertEqual(worker.status(), EXIT_OK, worker.output())
        self.assertNotIn("order.mismatch", worker.output())
        self.assertEqual(len(self.standin.state()["orders"]), 2)

    def test_make_safe(self):
        """What is open is cancelled and read again: a part of it was filled meanwhile."""
        self.standin.book.plan = "never"
        self.standin.book.cancel_plan = "canceled:0.25"
        self.trades(("AAPL", "buy", "10"), ("MSFT", "buy", "10"))
        self.settings()
        self.run_to_the_end()
        self.assertEqual([order["status"] for order in self.ledger()["orders"]], ["open"] * 2)
        result = self.call("--make-safe", "-c", self.box.config, "flow")
        self.assertEqual((result.returncode, result.stdout), (EXIT_OK, "flow: 2 open orders canceled\n"))
        self.assertEqual([order["status"] for order in self.ledger()["orders"]], ["canceled"] * 2)
        self.run_to_the_end()
        self.assert_books_agree()

    def test_make_safe_without_the_broker(self):
        self.standin.book.plan = "never"
        self.trades(("AAPL", "buy", "10"))
        self.settings(timeout="500ms")
        self.run_to_the_end()
        self.standin.stop()
        result = self.call("--make-safe", "-c", self.box.config, "flow")
        self.assertEqual(result.returncode, EXIT_UNAVAILABLE)
        self.assertIn("1 order may still be open at the broker", result.stderr)

    def test_panic(self):
        self.standin.book.plan = "never"
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.run_to_the_end()
        self.standin.book.place({"symbol": "TSLA", "qty": "3", "side": "buy", "type": "market",
                                 "time_in_force": "day"}, plan="instant")
        self.standin.book.plan = "instant"
        result = self.call("--panic", "--flatten", "-c", self.box.config)
        self.assertEqual(result.returncode, EXIT_OK, result.stdout + result.stderr)
        self.assertIn("no open orders left", result.stdout)
        self.assertIn("no positions left", result.stdout)
        self.assertEqual(self.standin.state()["positions"], {})
        self.trades(("AAPL", "buy", "10"), ("MSFT", "buy", "10"))
        self.run_to_the_end()
        self.assertEqual(self.ledger()["clusters"][1]["skipped"], "risk:panic")

    def test_panic_is_not_believed_without_an_answer(self):
        self.trades(("AAPL", "buy", "10"))
        self.settings()
        self.box.file("secret", "another\n")
        result = self.call("--panic", "-c", self.box.config)
        self.assertEqual(result.returncode, EXIT_UNAVAILABLE)
        self.assertIn("open orders may be left at the broker", result.stdout)
        self.assertTrue(os.path.exists(os.path.join(self.box.state, "latches", "@panic")))


class Journal(BrokerCase):
    def test_backup_while_it_runs(self):
        self.trades(("AAPL", "buy", "10"))
        self.settings(follow="yes")
        worker = self.alone()
        wait_until(lambda: "order.filled" in worker.output(), "the order")
        copy = os.path.join(self.box.path, "copy.db")
        result = self.call("--ledger", "--backup", copy, "-c", self.box.config, "flow")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        with sqlite3.connect(copy) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(database.execute("SELECT status FROM orders").fetchall(), [("filled",)])
        again = self.call("--ledger", "--backup", copy, "-c", self.box.config, "flow")
        self.assertEqual(again.returncode, EXIT_OSERR)
        self.assertIn("is there already", again.stderr)


if __name__ == "__main__":
    harness.main()
