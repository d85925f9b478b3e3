# SPDX-License-Identifier: Apache-2.0
"""Running the trading worker against the stand-in broker, and holding the two books against each
other: what the broker has and what `tradesup ledger` says.
"""

import contextlib
import os
import signal
import subprocess
from decimal import Decimal

import harness
from alpaca_book import Book
from alpaca_standin import Standin
from harness import EXIT_OK, WORKER
from trading import WORKER_NAME, TradingCase, trading_section

START_NS = 1700000000 * 10**9
MINUTE_NS = 60 * 10**9
KEY = ("PKSTANDINKEYID000001", "standin-secret-that-nobody-must-see")

# Every event is a cluster: what is tested is what comes after it.
EACH_EVENT = {"window": "1s", "min_trades": "1", "min_notional": "0", "dominance": "0", "cooldown": "0s"}

# Kills are the test's, not failures to give up on.
NEVER_GIVE_UP = {"intensity": "100000", "period": "1s"}
RESTART_AT_ONCE = {"restart_delay": "0s", "restart_delay_max": "10ms"}

LIVE = {"new", "partially_filled", "done_for_day", "pending_cancel", "pending_replace", "accepted", "pending_new",
        "accepted_for_bidding", "stopped", "suspended", "calculated", "held"}
# What the ledger calls an order that is final at the broker.
FINAL = {"filled": "filled", "canceled": "canceled", "expired": "canceled", "replaced": "canceled",
         "rejected": "rejected"}


def round_lines(turn, symbols, price="100"):
    """A round of the feed: all symbols are bought, or in every second one sold."""
    return ["%d,S%d,%s,%s,10,%d-%d" % (START_NS + turn * MINUTE_NS + number * 10**6, number,
                                       "sell" if turn % 2 else "buy", price, turn, number)
            for number in range(symbols)]


def rounds_csv(rounds, symbols):
    lines = ["time,symbol,side,price,size,id"]
    for turn in range(rounds):
        lines += round_lines(turn, symbols)
    return "\n".join(lines) + "\n"


def alpaca_section(url, path, **settings):
    """A trading section for the broker at @url; keyword arguments override keys of `alpaca`."""
    alpaca = {"base_url": url, "timeout": "500ms", "settle": "300ms", "max_age": "60s", "rate": "10000"}
    alpaca.update(settings)
    return trading_section(path, broker="alpaca", alpaca=alpaca, flow_cluster=EACH_EVENT)


def differences(state, ledger):
    """Where the broker's book and the ledger do not agree, a sentence each."""
    wrong = []
    ours = {order["client_order_id"]: order for order in ledger["orders"]}
    if len(ours) < len(ledger["orders"]):
        wrong.append("an id is twice in the ledger")
    theirs = {}
    for order in state["orders"]:
        if not order["foreign"]:
            theirs.setdefault(order["client_order_id"], []).append(order)
    wrong += ["%s: %d orders at the broker" % (name, len(found)) for name, found in theirs.items() if len(found) > 1]
    wrong += ["%s: at the broker, not in the journal" % name for name in theirs if name not in ours]
    for name, order in ours.items():
        found = theirs.get(name)
        if found:
            wrong += order_differences(order, found[0], [f for f in ledger["fills"] if f["client_order_id"] == name])
        elif order["status"] not in ("refused", "expired", "canceled"):
            wrong.append("%s: %s in the ledger, not at the broker" % (name, order["status"]))
    positions = {position["symbol"]: Decimal(position["quantity"]) for position in ledger["positions"]}
    there = {symbol: Decimal(quantity) for symbol, quantity in state["positions"].items()}
    wrong += ["%s: position %s in the ledger, %s at the broker" % (symbol, positions.get(symbol), there.get(symbol))
              for symbol in sorted(set(positions) | set(there)) if positions.get(symbol) != there.get(symbol)]
    if Decimal(ledger["cash"]) != Decimal(state["cash"]):
        wrong.append("cash %s in the ledger, %s at the broker" % (ledger["cash"], state["cash"]))
    return wrong


def order_differences(ours, theirs, fills):
    name = ours["client_order_id"]
    wrong = ["%s: %s %s in the ledger, %s at the broker" % (name, key, ours.get(key), theirs[other])
             for key, other in (("symbol", "symbol"), ("side", "side"), ("broker_id", "id")) if ours.get(key) != theirs[other]]
    if Decimal(ours["quantity"]) != Decimal(theirs["qty"]):
        wrong.append("%s: quantity %s in the ledger, %s at the broker" % (name, ours["quantity"], theirs["qty"]))
    if theirs["status"] in LIVE:
        if ours["status"] not in ("open", "partially_filled"):
            wrong.append("%s: %s in the ledger, %s at the broker" % (name, ours["status"], theirs["status"]))
    elif ours["status"] != FINAL[theirs["status"]]:
        wrong.append("%s: %s in the ledger, %s at the broker" % (name, ours["status"], theirs["status"]))
    filled = sum((Decimal(fill["quantity"]) for fill in fills), Decimal(0))
    if filled != Decimal(theirs["filled_qty"]):
        wrong.append("%s: %s filled in the ledger, %s at the broker" % (name, filled, theirs["filled_qty"]))
    value = sum((Decimal(fill["quantity"]) * Decimal(fill["price"]) for fill in fills), Decimal(0))
    wanted = sum((Decimal(fill["quantity"]) * Decimal(fill["price"]) for fill in theirs["fills"]), Decimal(0))
    if abs(value - wanted) > Decimal("0.0001") * (1 + len(fills)):
        wrong.append("%s: filled for %s in the ledger, for %s at the broker" % (name, value, wanted))
    return wrong


class BrokerCase(TradingCase):
    """A case with a stand-in broker, self.standin, and the keys to it in two files."""

    def setUp(self):
        super().setUp()
        self.begin(Book())

    def begin(self, book):
        """A new stand-in with this book, and the keys in the box."""
        self.standin = Standin(book, key=KEY).start()
        self.addCleanup(self.standin.stop)
        self.files = {"key_id_file": self.box.file("key-id", KEY[0] + "\n"),
                      "secret_key_file": self.box.file("secret", KEY[1] + "\n")}
        for path in self.files.values():
            os.chmod(path, 0o600)

    def prepare_rounds(self, rounds, symbols, cycle="0s", batch="1000", worker=None, follow="no", **settings):
        feed = self.box.file("feed.csv", rounds_csv(rounds, symbols))
        trading = alpaca_section(self.standin.url, feed, **dict(self.files, **settings))
        trading.update(cycle=cycle, batch=batch)
        trading["file"]["follow"] = follow
        self.prepare(trading, worker=dict(RESTART_AT_ONCE, **(worker or {})), supervisor=NEVER_GIVE_UP)
        return trading

    def add_round(self, turn, symbols):
        """The feed goes on."""
        with open(os.path.join(self.box.path, "feed.csv"), "a") as feed:
            feed.write("\n".join(round_lines(turn, symbols)) + "\n")

    def work(self, *options, kill_at=None, timeout=120):
        """One life of the worker alone. Its exit status, negative for a signal; its output stays in self.output."""
        environ = dict(self.box.environ)
        if kill_at:
            environ["TRADESUP_KILL_AT"] = kill_at
        done = subprocess.run([WORKER, *options, "-c", self.box.config, WORKER_NAME], env=environ,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, check=False)
        self.output = done.stdout.decode("utf-8", "replace")
        return done.returncode

    def assert_work_ends(self):
        self.assertEqual(self.work(), EXIT_OK, self.output[-3000:])

    def assert_killed_at(self, point):
        self.assertEqual(self.work(kill_at=point), -signal.SIGKILL, self.output[-3000:])

    def assert_all_known(self, ledger):
        self.assertEqual([order for order in ledger["orders"] if order["status"] in ("intent", "sent")], [])

    def assert_books_agree(self):
        """Both books say the same, no fate is unknown, no request was malformed. Returns the ledger."""
        ledger = self.ledger()
        self.assert_all_known(ledger)
        state = self.standin.state()
        self.assertEqual(differences(state, ledger), [])
        self.assertEqual(state["breaches"], [])
        self.assertEqual(state["early"], 0, "requests before the reset of the rate limit")
        return ledger

    def posts(self, client_order_id=None):
        return [note for note in self.standin.seen("place")
                if client_order_id in (None, note["client_order_id"])]

    @contextlib.contextmanager
    def running(self, environ=None):
        """`tradesup run`, ended if the test did not end it."""
        run = self.box.start(environ=environ)
        try:
            yield run
        finally:
            run.kill()
            harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")
