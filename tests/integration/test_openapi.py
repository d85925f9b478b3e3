# SPDX-License-Identifier: Apache-2.0
"""An independent judge, Stoplight's prism as a proxy, holds requests and answers against the
broker's own description. It comes from npm; where it cannot be installed, these tests are skipped.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import harness
from alpaca_book import Book
from real_broker import BrokerCase
from test_alpaca_standin import Client, StandinCase

DESCRIPTION = os.path.join(harness.SHARED, "alpaca", "trading-openapi.yaml")
PACKAGE = "@stoplight/prism-cli@5.14.2"
# Kept in the build's folder, or where the environment says.
HOME = os.environ.get("TRADESUP_PRISM_HOME", os.path.join(harness.BUILD, "prism"))
PRISM = os.path.join(HOME, "node_modules", ".bin", "prism")


def install():
    """Whether the judge is there, or could be installed."""
    if os.path.exists(PRISM):
        return True
    if not shutil.which("npm") or not os.path.exists(DESCRIPTION):
        return False
    os.makedirs(HOME, exist_ok=True)
    command = ["npm", "install", "--prefix", HOME, "--no-fund", "--no-audit", "--fetch-retries=0", PACKAGE]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=600, check=False)
    except subprocess.TimeoutExpired:
        pass
    return os.path.exists(PRISM)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def judge(case, url):
    """Put the judge in front of @url. Returns its port."""
    port = free_port()
    log = tempfile.TemporaryFile()
    process = subprocess.Popen([PRISM, "proxy", "--port", str(port), DESCRIPTION, url],
                               stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    case.addCleanup(log.close)
    case.addCleanup(process.wait)
    case.addCleanup(process.kill)
    harness.wait_until(lambda: is_listening(port), "the judge")
    return port


@harness.needs(DESCRIPTION, "the broker's description")
class Judged(StandinCase):
    """Everything the stand-in answers is as the description says."""

    def setUp(self):
        if not install():
            self.skipTest(PACKAGE + " cannot be installed")

    def test_a_client(self):
        self.serve(Book(plan="partial"))
        client = Client(judge(self, self.standin.url))
        self.addCleanup(client.connection.close)
        self.violations = []
        self.ask(client, "GET", "/v2/account")
        order = self.ask(client, "POST", "/v2/orders", {
            "symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day",
            "client_order_id": "one"})
        for _ in range(4):
            self.ask(client, "GET", "/v2/orders:by_client_order_id", client_order_id="one")
        self.ask(client, "GET", "/v2/orders/" + order["id"])
        self.ask(client, "GET", "/v2/orders", status="all", limit=10, direction="asc")
        self.ask(client, "GET", "/v2/positions")
        self.ask(client, "GET", "/v2/positions/AAPL")
        self.ask(client, "GET", "/v2/clock")
        self.ask(client, "GET", "/v2/calendar", start="2026-11-20T00:00:00Z", end="2026-11-27T00:00:00Z")
        self.standin.book.open = False
        self.assertIs(self.ask(client, "GET", "/v2/clock")["is_open"], False)
        self.standin.book.open = True
        self.standin.book.plan = "never"
        order = self.ask(client, "POST", "/v2/orders", {
            "symbol": "ETH/USD", "notional": "10", "side": "buy", "type": "market", "time_in_force": "gtc"})
        self.ask(client, "DELETE", "/v2/orders/" + order["id"])
        self.ask(client, "DELETE", "/v2/orders")
        self.ask(client, "DELETE", "/v2/positions", cancel_orders="true")
        self.assertEqual(self.violations, [])
        self.ask(client, "POST", "/v2/orders", {"symbol": "AAPL", "qty": 10})
        self.assertTrue(self.violations, "the judge sees no breach: a weak test")

    def ask(self, client, method, path, terms=None, **query):
        _, body, headers = client.ask(method, path, terms, **query)
        if headers.get("sl-violations"):
            self.violations.append("%s %s: %s" % (method, path, headers["sl-violations"]))
        return body


class Relay:
    """Passes bytes on to the judge and back, and reads in passing what it says of the requests."""

    def __init__(self, port):
        self.port, self.violations, self.answers = port, [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            judge_side = socket.create_connection(("127.0.0.1", self.port))
            for source, target, look in ((client, judge_side, False), (judge_side, client, True)):
                threading.Thread(target=self.pump, args=(source, target, look), daemon=True).start()

    def pump(self, source, target, look):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(1 << 20)
                if not data:
                    break
                if look:
                    self.read(data.decode("latin-1"))
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def read(self, text):
        """The judge writes an answer's head at once. Statuses that the description forgot are no breach of ours."""
        self.answers += text.startswith("HTTP/1.1 ")
        for line in re.findall(r"(?im)^sl-violations: *(.*?)\r?$", text):
            self.violations += [found for found in json.loads(line) if found["location"][0] == "request"]

    def stop(self):
        self.listener.close()


@harness.needs(DESCRIPTION, "the broker's description")
class Worker(BrokerCase):
    """Everything that the worker asks for is as the description says."""

    def setUp(self):
        super().setUp()
        if not install():
            self.skipTest(PACKAGE + " cannot be installed")

    def test_orders(self):
        """Buys that are filled in parts, sells, and their cancels."""
        relay = Relay(judge(self, self.standin.url))
        self.addCleanup(relay.stop)
        self.standin.book.plan = "partial"
        self.prepare_rounds(1, 2, cycle="20ms", batch="1", base_url="http://127.0.0.1:%d" % relay.own_port,
                            timeout="10s", settle="3s")
        self.assert_work_ends()
        self.standin.book.plan = "never"
        self.add_round(1, 2)
        self.assert_work_ends()
        self.assertEqual(self.work("--make-safe"), harness.EXIT_OK, self.output)
        self.assertEqual([order["status"] for order in self.assert_books_agree()["orders"]],
                         ["filled", "filled", "canceled", "canceled"])
        self.assertGreater(relay.answers, 10, "a weak test")
        self.assertEqual(relay.violations, [])

    def test_the_session(self):
        """Its clock and calendar are asked for, and whatever they say today is understood."""
        relay = Relay(judge(self, self.standin.url))
        self.addCleanup(relay.stop)
        trading = self.prepare_rounds(1, 1, cycle="20ms", base_url="http://127.0.0.1:%d" % relay.own_port,
                                      timeout="30s", settle="3s")
        trading["risk"] = {"session": "us_equities"}
        self.prepare(trading, worker={"cycle_timeout": "600s"})
        self.assert_work_ends()
        for kind in ("clock", "calendar"):
            self.assertEqual([note["status"] for note in self.standin.seen(kind)], [200], kind)
        self.assertIn("broker.calendar", self.output)
        for event in ("broker.no_clock", "broker.no_calendar", "broker.clock_differs"):
            self.assertNotIn(event, self.output)
        self.assertEqual(relay.violations, [])


if __name__ == "__main__":
    harness.main()
