#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a real broker: Alpaca's trading interface over HTTP on the loopback, with a book
that is kept (alpaca_book.py), requests that are checked (alpaca_schema.py), and lies on request
(alpaca_lies.py).

usage: alpaca_standin.py [--seed N] [--share S] [--port P] [--plan NAME] [--rate N] [--key ID:SECRET]

For people: it runs until a signal comes, and serves GET /control/state (the book, the requests,
the breaches) and POST /control/set {"prices": {…}, "plan": …, "share": …, "open": …, "cash": …}.
"""

import argparse
import datetime
import json
import re
import signal
import socket
import sys
import threading
import time
import uuid
from decimal import Decimal

import alpaca_book
from alpaca_book import Book, Refused, text
from alpaca_hours import Hours
from alpaca_lies import Lie, Liar
from alpaca_schema import UUID, check_request
from alpaca_wire import Handler, Server


def parse_time(value):
    """A date or date-time in ns."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d))?", value)
    if not match:
        raise Refused(422, 40010001, "invalid time: " + value)
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    moment = datetime.datetime.fromisoformat("%sT%s%s" % (day, clock or "00:00:00", zone))
    return int(moment.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])


class Limit:
    """The rate limit: so many requests in each minute of the clock; or none before a moment."""

    def __init__(self, rate):
        self.rate, self.minute, self.used, self.until = rate, 0, 0, 0.0
        self.early = 0  # requests that came before a reset they had been told of

    def take(self, now):
        """Count a request. Whether it may pass, and the headers that say so."""
        if int(now // 60) != self.minute:
            self.minute, self.used = int(now // 60), 0
        told = now < self.until
        self.early += told
        self.used += 1
        passes = not told and self.used <= self.rate
        reset = self.until if told else (self.minute + 1) * 60
        if not passes:
            self.until = max(self.until, reset)
        return passes, {"X-RateLimit-Limit": str(self.rate),
                        "X-RateLimit-Remaining": str(max(self.rate - self.used, 0) if passes else 0),
                        "X-RateLimit-Reset": str(int(-(-reset // 1)))}


class Standin:
    """The broker as a test has it: start(), set rules, look at book and requests, stop()."""

    def __init__(self, book=None, liar=None, port=0, rate=10**9, key=None):
        self.book, self.liar, self.key = book or Book(), liar, key
        self.rules = []
        self.limit = Limit(rate)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.requests = []        # as note() writes them
        self.breaches = []        # [number of the request, what is wrong]
        self.server = None
        self.port = port
        self.connections = set()
        self.hours = Hours()
        self.ahead = 0            # seconds: of its clock, the true time's or a test's
        self.resets = 0           # so many connections to come are reset unread

    # Life -----------------------------------------------------------------------------

    def start(self):
        """Listen; the port is kept over stop() and start()."""
        standin = self

        class Bound(Handler):
            owner = standin

        self.server = Server(("127.0.0.1", self.port), Bound)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        """Refuse connections from now on, and cut those that are there."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def outage(self, seconds):
        """Refuse connections for a while."""
        self.stop()
        timer = threading.Timer(seconds, self.start)
        timer.daemon = True
        timer.start()

    def must_reset(self):
        """Whether a new connection is to be reset before anything is read from it."""
        with self.lock:
            if self.resets == 0:
                return False
            self.resets -= 1
            return True

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    # What a test asks and says --------------------------------------------------------

    def tell(self, *rules):
        with self.lock:
            self.rules += rules

    def calm(self):
        """Nothing but the truth from now on, and what was to appear later appears."""
        with self.lock:
            self.rules, self.liar = [], None
            self.book.tick(all_of_them=True)
            for order in self.book.orders:
                order.visible_from = 0.0

    def seen(self, kind=None, **fields):
        """Requests of a kind so far."""
        with self.lock:
            return [note for note in self.requests if kind in (None, note["kind"])
                    and all(note[key] == value for key, value in fields.items())]

    def wait_for(self, condition, what, timeout=60):
        """Wait until @condition (of nothing, under the lock) holds; woken by every request."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise AssertionError("waited in vain for " + what)

    def state(self):
        with self.lock:
            self.book.tick()
            return dict(self.book.snapshot(), requests=list(self.requests), breaches=list(self.breaches),
                        early=self.limit.early)

    # Requests -------------------------------------------------------------------------

    def note(self, request, connection, first_byte):
        """Write down a request, and what is wrong with it; @first_byte: when it began. Returns the note."""
        note = {"number": len(self.requests), "kind": request.kind, "method": request.method,
                "path": request.path, "query": request.query, "terms": request.terms,
                "client_order_id": request.client_order_id, "time": time.time(),
                "monotonic": first_byte, "connection": connection, "status": None, "lie": None}
        self.requests.append(note)
        self.breaches += [[note["number"], "%s %s: %s" % (request.method, request.path, what)]
                          for what in check_request(request)]
        return note

    def choose_lie(self, request):
        for rule in self.rules:
            if rule.takes(request):
                return rule.lie
        return (self.liar.choose(request) if self.liar else None) or Lie()

    def is_authorized(self, request):
        if not self.key:
            return True
        return (request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key")) == self.key

    def handle(self, request, note):
        """Decide and carry out. Returns the lie, the status, the body as bytes, and headers."""
        with self.changed:
            self.book.tick()
            lie = self.choose_lie(request)
            note["lie"] = repr(lie) if lie.answer != "true" or not lie.accept or lie.hide or lie.before \
                or lie.terms else None
            passes, headers = self.limit.take(time.time())
            if lie.answer == "429" and passes:
                self.limit.until = time.time() + lie.wait
                headers.update({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(self.limit.until) + 1)})
                self.limit.until = int(self.limit.until) + 1
                passes = False
            if not passes:
                lie, status, body = Lie(), 429, {"code": 42910000, "message": "rate limit exceeded"}
            else:
                status, body = self.carry_out(request, lie)
            note["status"] = status
            self.changed.notify_all()
        data = b"" if body is None else json.dumps(body).encode()
        return lie, status, data, headers

    def carry_out(self, request, lie):
        try:
            if not self.is_authorized(request):
                raise Refused(401, 40110000, "request is not authorized")
            if not lie.accept:
                if request.kind == "place" and lie.later is not None:
                    self.book.place_later(dict(request.terms, **lie.terms), lie.later)
                return 500, {"code": 50010000, "message": "internal server error occurred"}
            action = getattr(self, "on_" + request.kind, None)
            if not action:
                raise Refused(404, 40410000, "endpoint not found.")
            return action(request, lie)
        except Refused as refusal:
            return refusal.status, refusal.body

    def on_place(self, request, lie):
        wrong = check_request(request)
        if wrong:
            raise Refused(422, 40010001, wrong[0])
        if lie.before:
            self.foreign_order(dict(request.terms), lie.before)
        order = self.book.place(dict(request.terms, **lie.terms), hide=lie.hide)
        return 200, order.json()

    def foreign_order(self, terms, what):
        """Under this id there is another order already, not of the client's making."""
        if terms["client_order_id"] in self.book.by_client_id:
            return
        if what == "terms":
            terms.update(qty="1", side="buy", symbol=terms["symbol"])
        order = self.book.place(terms, plan="never")
        order.foreign = True
        if what == "canceled":
            self.book.move(order, "canceled")

    def on_lookup(self, request, lie):
        order = self.book.by_client_id.get(request.query.get("client_order_id"))
        if lie.answer == "stale" and order and order.former and time.monotonic() - order.changed < lie.wait:
            return 200, order.former
        return self.show(order)

    def on_get(self, request, _lie):
        if not re.fullmatch(UUID, request.part):
            raise Refused(422, 40010001, "order_id is invalid")
        return self.show(self.book.by_id.get(request.part))

    def show(self, order):
        if not order or not self.book.is_visible(order):
            raise Refused(404, 40410000, "order not found")
        self.book.look(order)
        return 200, order.json()

    def on_list(self, request, _lie):
        query = request.query
        limit = int(query.get("limit", "50"))
        if not 1 <= limit <= 500:
            raise Refused(422, 40010001, "limit must be between 1 and 500")
        after, until = parse_time(query.get("after")), parse_time(query.get("until"))
        for name in ("after_order_id", "before_order_id"):
            if name in query and query[name] not in self.book.by_id:
                raise Refused(422, 40010001, name + " not found")
        if "after_order_id" in query:
            after = self.book.by_id[query["after_order_id"]].submitted_ns
        if "before_order_id" in query:
            until = self.book.by_id[query["before_order_id"]].submitted_ns
        symbols = set(filter(None, query.get("symbols", "").split(",")))
        found = self.book.select(query.get("status", "open"), symbols, query.get("side"), after, until,
                                 query.get("direction", "desc") == "desc", limit)
        for order in found:
            self.book.look(order)
        return 200, [order.json() for order in found]

    def on_cancel(self, request, _lie):
        order = self.book.by_id.get(request.part)
        if not order:
            raise Refused(404, 40410000, "order not found for " + request.part)
        self.book.cancel(order)
        return 204, None

    def on_cancel_all(self, _request, _lie):
        answers = []
        for order in [order for order in self.book.orders if order.is_open]:
            try:
                self.book.cancel(order)
                answers.append({"id": order.id, "status": 200})
            except Refused as refusal:
                answers.append({"id": order.id, "status": refusal.status, "body": refusal.body})
        return 207, answers

    def on_account(self, _request, lie):
        book = self.book
        is_stale = lie.answer == "stale" and time.monotonic() - book.cash_changed < lie.wait
        value = sum((holding[0] * book.price_of(symbol) for symbol, holding in book.holdings.items()), Decimal(0))
        cash, equity = text(book.former_cash if is_stale else book.cash), text(book.cash + value)
        return 200, {
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "account")), "account_number": "PA000000STAND", "status": "ACTIVE",
            "crypto_status": "ACTIVE", "currency": "USD", "cash": cash, "buying_power": cash, "equity": equity,
            "portfolio_value": equity, "last_equity": equity, "long_market_value": text(max(value, Decimal(0))),
            "short_market_value": text(min(value, Decimal(0))), "multiplier": "1", "shorting_enabled": True,
            "non_marginable_buying_power": cash, "regt_buying_power": cash, "initial_margin": "0", "sma": "0",
            "maintenance_margin": "0", "last_maintenance_margin": "0", "accrued_fees": "0", "trading_blocked": False,
            "transfers_blocked": False, "account_blocked": False, "trade_suspended_by_user": False,
            "created_at": "2023-01-01T18:20:20.272275Z", "balance_asof": "2023-09-27", "pending_transfer_in": "0"}

    def on_positions(self, _request, _lie):
        return 200, self.book.positions()

    def find_position(self, part):
        for symbol in self.book.holdings:
            if part in (symbol, symbol.replace("/", ""), str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol))):
                return symbol
        raise Refused(404, 40410000, "position does not exist")

    def on_position(self, request, _lie):
        return 200, self.book.position_json(self.find_position(request.part))

    def close_position(self, symbol):
        quantity = self.book.position(symbol)
        crypto = alpaca_book.is_crypto(symbol)
        order = self.book.place({"symbol": symbol, "qty": text(abs(quantity)), "type": "market",
                                 "side": "sell" if quantity > 0 else "buy",
                                 "time_in_force": "gtc" if crypto else "day"})
        order.foreign = True
        return order

    def on_close(self, request, _lie):
        return 200, self.close_position(self.find_position(request.part)).json()

    def on_close_all(self, request, lie):
        if request.query.get("cancel_orders") == "true":
            self.on_cancel_all(request, lie)
            for order in self.book.orders:
                if order.canceling:
                    self.book.look(order)
        answers = []
        for symbol in list(self.book.holdings):
            try:
                answers.append({"symbol": symbol, "status": 200, "body": self.close_position(symbol).json()})
            except Refused as refusal:
                answers.append({"symbol": symbol, "status": refusal.status, "body": refusal.body})
        return 207, answers

    def on_clock(self, _request, _lie):
        return 200, self.hours.clock(time.time() + self.ahead, self.book.open)

    def on_calendar(self, request, _lie):
        return 200, self.hours.calendar(request.query.get("start"), request.query.get("end"))

    def control(self, request):
        """The path for people and for other processes' tests."""
        if request.method == "GET" and request.path == "/control/state":
            return 200, self.state()
        if request.method != "POST" or request.path != "/control/set":
            return 404, {"message": "no such control"}
        wanted = json.loads(request.body)
        with self.lock:
            self.book.prices.update(wanted.get("prices", {}))
            self.book.plan = wanted.get("plan", self.book.plan)
            self.book.cancel_plan = wanted.get("cancel_plan", self.book.cancel_plan)
            self.book.open = wanted.get("open", self.book.open)
            self.book.cash = Decimal(wanted.get("cash", self.book.cash))
            if self.liar:
                self.liar.share = wanted.get("share", self.liar.share)
        return 200, {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, help="lie by this seed; without it, nothing but the truth")
    parser.add_argument("--share", type=float, default=0.3, help="of requests that are lied to")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--plan", default="at_once", help="%s, after:N" % ", ".join(alpaca_book.PLANS))
    parser.add_argument("--price", default="100", help="of every symbol")
    parser.add_argument("--rate", type=int, default=200, help="requests a minute")
    parser.add_argument("--key", help="ID:SECRET that a request must have")
    options = parser.parse_args()
    alpaca_book.plan_steps(options.plan)
    liar = None if options.seed is None else Liar(options.seed, options.share)
    standin = Standin(Book(plan=options.plan, price=options.price), liar, options.port, options.rate,
                      tuple(options.key.split(":", 1)) if options.key else None).start()
    print(standin.url, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
