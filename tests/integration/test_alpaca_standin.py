# SPDX-License-Identifier: Apache-2.0
"""The stand-in broker by itself: a test that leans on it can only be as good as it is.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
import urllib.parse

import harness
from alpaca_book import PLANS, Book
from alpaca_lies import ANSWERS, Liar, Rule
from alpaca_standin import Standin


class Client:
    """Requests over one connection, made anew where it was lost."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, method, path, terms=None, **query):
        """Returns status, body and headers; the body as text where it is no JSON."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        body = None if terms is None else json.dumps(terms)
        headers = {"APCA-API-KEY-ID": "id", "APCA-API-SECRET-KEY": "secret"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        try:
            parsed = json.loads(text) if text else None
        except ValueError:
            parsed = text
        return answer.status, parsed, answer.headers

    def place(self, client_order_id, **terms):
        whole = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day",
                 "client_order_id": client_order_id}
        whole.update(terms)
        return self.ask("POST", "/v2/orders", {key: value for key, value in whole.items() if value is not None})

    def look(self, client_order_id):
        return self.ask("GET", "/v2/orders:by_client_order_id", client_order_id=client_order_id)


class StandinCase(unittest.TestCase):
    def serve(self, *arguments, **keywords):
        self.standin = Standin(*arguments, **keywords).start()
        self.addCleanup(self.standin.stop)
        self.client = Client(self.standin.port)
        self.addCleanup(self.client.connection.close)
        return self.client

    def assert_lost(self, ask):
        with self.assertRaises((OSError, http.client.HTTPException)):
            ask()


class Truth(StandinCase):
    def test_an_order_is_filled_and_the_books_say_so(self):
        client = self.serve(Book(cash="100000", price="12.5"))
        status, order, _ = client.place("one")
        self.assertEqual((status, order["status"], order["filled_qty"]), (200, "accepted", "0"))
        status, order, _ = client.look("one")
        self.assertEqual((order["status"], order["filled_qty"], order["filled_avg_price"]), ("filled", "10", "12.5"))
        self.assertEqual(client.ask("GET", "/v2/orders/" + order["id"])[1], order)
        self.assertEqual(client.ask("GET", "/v2/account")[1]["cash"], "99875")
        position, = client.ask("GET", "/v2/positions")[1]
        self.assertEqual((position["symbol"], position["qty"], position["avg_entry_price"]), ("AAPL", "10", "12.5"))
        self.assertEqual(self.standin.state()["breaches"], [])

    def test_an_id_is_taken_once_and_for_all(self):
        client = self.serve(Book(plan="never"))
        order = client.place("one")[1]
        self.assertEqual(client.ask("DELETE", "/v2/orders/" + order["id"])[0], 204)
        self.assertEqual(client.look("one")[1]["status"], "canceled")
        status, error, _ = client.place("one")
        self.assertEqual((status, error), (422, {"code": 40010001, "message": "client_order_id must be unique"}))
        self.assertEqual(len(self.standin.book.orders), 1)

    def test_length_of_an_id(self):
        for limit in (48, 128):
            client = self.serve(Book(id_max=limit))
            self.assertEqual(client.place("x" * limit)[0], 200)
            self.assertEqual(client.place("x" * (limit + 1))[0], 422)

    def test_courses_of_orders(self):
        """Each plan ends where it says, and the parts add up."""
        client = self.serve()
        for name in PLANS:
            with self.subTest(plan=name):
                self.standin.book.plan = name
                client.place(name, qty="0.7")
                for _ in range(12):
                    order = client.look(name)[1]
                status, _, part = PLANS[name][-1].partition(":")
                self.assertEqual(order["status"], status)
                self.assertAlmostEqual(float(order["filled_qty"]), 0.7 * float(part or 0), 9)

    def test_a_fill_after_so_many_looks(self):
        client = self.serve(Book(plan="after:3"))
        client.place("one")
        self.assertEqual([client.look("one")[1]["status"] for _ in range(4)], ["new", "new", "filled", "filled"])

    def test_cancel_while_a_fill_is_under_way(self):
        client = self.serve(Book(plan="never"))
        for plan, status, filled in (("filled:1", "filled", "10"), ("canceled:0.4", "canceled", "4")):
            self.standin.book.cancel_plan = plan
            order = client.place(plan)[1]
            self.assertEqual(client.ask("DELETE", "/v2/orders/" + order["id"])[0], 204)
            order = client.look(plan)[1]
            self.assertEqual((order["status"], order["filled_qty"]), (status, filled))
            self.assertEqual(client.ask("DELETE", "/v2/orders/" + order["id"])[0], 422)

    def test_what_there_is_not(self):
        client = self.serve()
        for path in ("/v2/orders/" + "0" * 8 + "-0000" * 3 + "-" + "0" * 12, "/v2/positions/AAPL"):
            self.assertEqual(client.ask("GET", path)[1]["code"], 40410000)
        self.assertEqual(client.look("none")[:2], (404, {"code": 40410000, "message": "order not found"}))

    def test_money_and_shares_that_are_not_there(self):
        client = self.serve(Book(cash="1000"))
        self.assertEqual(client.place("one", qty="11")[:2], (403, {
            "code": 40310000, "message": "insufficient buying power", "buying_power": "1000", "cost_basis": "1100"}))
        self.assertEqual(client.place("one", qty="5")[0], 200)
        client.look("one")
        status, error, _ = client.place("two", side="sell", qty="6")
        self.assertEqual((status, error["available"], error["existing_qty"]), (403, "5", "5"))

    def test_pages(self):
        client = self.serve(Book(plan="never"))
        for number in range(60):
            client.place("n%d" % number)
        ids = [order["client_order_id"] for order in client.ask("GET", "/v2/orders")[1]]
        self.assertEqual(ids, ["n%d" % number for number in range(59, 9, -1)])
        found, after = [], "2020-01-01T00:00:00Z"
        while True:
            page = client.ask("GET", "/v2/orders", status="all", direction="asc", limit=7, after=after)[1]
            if not page:
                break
            found += [order["client_order_id"] for order in page]
            after = page[-1]["submitted_at"]
        self.assertEqual(found, ["n%d" % number for number in range(60)])
        before = client.ask("GET", "/v2/orders", until=after, limit=1)[1]
        self.assertEqual(before[0]["client_order_id"], "n58")

    def test_all_at_once(self):
        client = self.serve(Book(plan="at_once"))
        for number in range(3):
            client.place("filled%d" % number, symbol="S%d" % number)
            client.look("filled%d" % number)
        self.standin.book.plan = "never"
        client.place("open")
        status, answer, _ = client.ask("DELETE", "/v2/orders")
        self.assertEqual((status, [item["status"] for item in answer]), (207, [200]))
        self.standin.book.plan = "instant"
        status, answer, _ = client.ask("DELETE", "/v2/positions", cancel_orders="true")
        self.assertEqual((status, len(answer)), (207, 3))
        self.assertEqual(client.ask("GET", "/v2/positions")[1], [])

    def test_the_rate_limit(self):
        client = self.serve(rate=5)
        answers = [client.ask("GET", "/v2/clock") for _ in range(8)]
        headers = answers[-1][2]
        self.assertEqual(answers[-1][0], 429)
        self.assertEqual((headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]), ("5", "0"))
        self.assertGreater(int(headers["X-RateLimit-Reset"]), 1700000000)
        self.assertGreater(self.standin.state()["early"], 0)

    def test_keys(self):
        client = self.serve(key=("id", "secret"))
        self.assertEqual(client.ask("GET", "/v2/account")[0], 200)
        self.standin.key = ("id", "other")
        self.assertEqual(client.ask("GET", "/v2/account")[1]["code"], 40110000)

    def test_breaches_are_written_down(self):
        client = self.serve()
        for terms, what in (
                ({"qty": 10}, "qty is no str"), ({"type": None}, "type is missing"), ({"qty": "1e3"}, "qty is 1e3"),
                ({"side": "BUY"}, "side is BUY"), ({"colour": "red"}, "unknown property colour"),
                ({"notional": "5"}, "one of qty and notional"), ({"qty": "0.5", "time_in_force": "gtc"}, "a fraction"),
                ({"client_order_id": "x" * 129}, "client_order_id of 129")):
            status = client.place(**dict({"client_order_id": "id"}, **terms))[0]
            self.assertEqual(status, 422, what)
            self.assertIn(what, self.standin.breaches[-1][1])
        for path in ("/v2/orders?limit=0", "/v2/orders?colour=red", "/v2/orders/7", "/v2/nothing"):
            before = len(self.standin.breaches)
            client.ask("GET", path)
            self.assertGreater(len(self.standin.breaches), before, path)

    def test_as_a_program(self):
        program = os.path.join(harness.TREE, "tests", "integration", "alpaca_standin.py")
        process = subprocess.Popen([sys.executable, program, "--plan", "never"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        client = Client(int(process.stdout.readline().rpartition(":")[2]))
        self.addCleanup(client.connection.close)
        client.place("one")
        client.ask("POST", "/control/set", {"plan": "at_once", "prices": {"AAPL": "7"}})
        client.place("two")
        client.look("two")
        state = client.ask("GET", "/control/state")[1]
        self.assertEqual([order["status"] for order in state["orders"]], ["accepted", "filled"])
        self.assertEqual(state["positions"], {"AAPL": "10"})


class Lies(StandinCase):
    LOST = {"none", "reset", "truncated", "truncated_head", "stall", "reset_unread", "too_long", "chunk_broken", "chunk_cut"}
    # Whose body is JSON, and has the order's id in it.
    SHOWN = {"slow", "duplicate", "chunked", "http10", "continue", "numbers", "odd_form", "close_after", "no_price", "stale",
             "no_quantity", "other_terms", "double_key"}

    def test_every_lie_leaves_the_book_as_it_says(self):
        for answer in sorted(ANSWERS - {"true"}):
            for accept in (True, False):
                with self.subTest(answer=answer, accept=accept):
                    client = self.serve()
                    self.standin.tell(Rule("place", answer, accept=accept, wait=0.05))
                    if answer in self.LOST:
                        self.assert_lost(lambda: client.place("one"))
                    else:
                        status, order, _ = client.place("one")
                        honest = isinstance(order, dict) and order.get("client_order_id") == "one"
                        self.assertEqual(honest, answer in self.SHOWN and accept)
                        if answer.isdigit():
                            self.assertEqual(status, int(answer))
                    accepted = accept and answer != "429"
                    self.assertEqual(len(self.standin.book.orders), accepted)
                    client.connection.close()
                    if answer != "429":
                        self.assertEqual(client.look("one")[0], 200 if accepted else 404)

    def test_a_reset_is_a_reset(self):
        self.serve()
        self.standin.tell(Rule("clock", "reset"))
        with self.assertRaises(ConnectionResetError):
            self.client.ask("GET", "/v2/clock")
        self.standin.resets = 1
        with socket.create_connection(("127.0.0.1", self.standin.port)) as connection:
            with self.assertRaises(ConnectionResetError):
                connection.recv(1)
        self.assertEqual(self.client.ask("GET", "/v2/clock")[0], 200)

    def test_an_order_that_is_seen_only_later(self):
        client = self.serve()
        self.standin.tell(Rule("place", "504", hide=3600))
        self.assertEqual(client.place("one")[0], 504)
        self.assertEqual((client.look("one")[0], client.ask("GET", "/v2/orders", status="all")[1]), (404, []))
        self.assertEqual(client.place("one")[0], 422)
        self.standin.calm()
        self.assertEqual(client.look("one")[0], 200)

    def test_an_order_that_appears_only_later(self):
        client = self.serve()
        self.standin.tell(Rule("place", "none", accept=False, later=3600, times=2))
        for name in ("one", "two"):
            self.assert_lost(lambda name=name: client.place(name))
            self.assertEqual(client.look(name)[0], 404)
        self.assertEqual(client.place("two", qty="3")[0], 200)
        self.standin.calm()
        self.assertEqual([client.look(name)[1]["qty"] for name in ("one", "two")], ["10", "3"])
        self.assertEqual([terms["client_order_id"] for terms in self.standin.book.refused_later], ["two"])

    def test_other_orders_under_the_same_id(self):
        client = self.serve()
        self.standin.tell(Rule("place", before="canceled"), Rule("place", before="terms"), Rule("place", terms={"qty": "9"}))
        self.assertEqual([client.place(name)[0] for name in ("one", "two", "three")], [422, 422, 200])
        self.assertEqual([client.look(name)[1]["status"] for name in ("one", "two")], ["canceled", "new"])
        self.assertEqual(client.look("three")[1]["qty"], "9")

    def test_refused_for_a_while(self):
        client = self.serve()
        self.standin.outage(0.2)
        self.assert_lost(lambda: client.ask("GET", "/v2/clock"))

        def answers():
            try:
                return client.ask("GET", "/v2/clock")[0] == 200
            except OSError:
                return False
        harness.wait_until(answers, "the end of the outage")

    def test_a_seed_tells_each_order_the_same(self):
        def told(seed, names):
            standin = Standin(liar=Liar(seed, share=0.8, brief=0.01, throttle=False)).start()
            client = Client(standin.port)
            for name in names:
                for _ in range(3):
                    try:
                        client.place(name)
                    except (OSError, http.client.HTTPException):
                        pass
            client.connection.close()
            standin.stop()
            return {(note["client_order_id"], note["lie"]) for note in standin.requests}
        names = ["n%d" % number for number in range(10)]
        self.assertEqual(told(1, names), told(1, names[::-1]))
        self.assertNotEqual(told(1, names), told(2, names))

    def test_many_at_the_same_time(self):
        """Four clients, lies, and repeats under the same id: each id is in the book once."""
        self.serve(liar=Liar(5, share=0.4, brief=0.02, throttle=False))

        def trade(own):
            client = Client(self.standin.port)
            for number in range(25):
                name = "%d-%d" % (own, number)
                for _ in range(60):
                    try:
                        client.place(name)
                        status, order, _ = client.look(name)
                    except (OSError, http.client.HTTPException):
                        continue
                    if status == 200 and isinstance(order, dict) and order.get("client_order_id") == name:
                        break
            client.connection.close()
        threads = [threading.Thread(target=trade, args=(own,)) for own in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = [order["client_order_id"] for order in self.standin.state()["orders"]]
        self.assertEqual((len(ids), len(set(ids))), (100, 100))


if __name__ == "__main__":
    harness.main()
