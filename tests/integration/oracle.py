# SPDX-License-Identifier: Apache-2.0
"""The worker's arithmetic, written a second time and from the rules alone.

Reads the same feed with the same parameters as a trading worker and gives the ledger that
`tradesup ledger WORKER --json` must print, as a dict. It shares no code, no library and no
data structure with the worker; it is slow and plain on purpose. Amounts are integers of
1e-8, so nothing is ever rounded by accident.

Parameters are the trading section as nested dicts of text, the form in which harness.py
writes them into a configuration: {"batch": "7", "file": {"path": …}, "orders": {…}}.
"""

import csv
import datetime
import gzip
import io
import json
import re
from collections import defaultdict, deque

ONE = 10**8
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
SECOND = 10**9

DEFAULTS = {
    "file": {
        "format": "auto", "time_unit": "rfc3339", "time": "time", "symbol": "symbol",
        "side": "side", "price": "price", "size": "size", "id": "id", "notional": "",
        "fixed_symbol": "",
    },
    "flow_cluster": {
        "window": "5m", "min_trades": "5", "min_notional": "100000",
        "min_event_notional": "0", "dominance": "70", "cooldown": "5m",
    },
    "orders": {
        "order_notional": "10000", "lot": "0.00000001", "long_only": "yes",
        "max_position_notional": "0", "max_orders_per_day": "0",
    },
    "paper": {"cash": "100000", "fee_bps": "0", "slippage_bps": "0"},
}


class Broken(Exception):
    """A record that is to be dropped and counted."""


# Text to numbers ---------------------------------------------------------------------

NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?")


def scaled(text, places):
    """Decimal text as an integer of 10**-places, truncated towards zero."""
    match = NUMBER.fullmatch(text.strip(" \t"))
    if not match:
        raise Broken("not a number: %r" % text)
    sign, whole, fraction, bare, exponent = match.groups()
    fraction = bare if bare is not None else fraction or ""
    digits = int((whole or "") + fraction)
    shift = int(exponent or 0) - len(fraction) + places
    if digits == 0:
        return 0
    if shift >= 0:
        if shift > 40:
            raise Broken("does not fit: %r" % text)
        value = digits * 10**shift
    else:
        value = digits // 10**-shift if -shift < 10000 else 0
    value = -value if sign == "-" else value
    if not INT64_MIN <= value <= INT64_MAX:
        raise Broken("does not fit: %r" % text)
    return value


def decimal(text):
    return scaled(text, 8)


def truncated(numerator, denominator):
    """Quotient truncated towards zero, for a positive denominator."""
    quotient = abs(numerator) // denominator
    return -quotient if numerator < 0 else quotient


def show(value):
    sign = "-" if value < 0 else ""
    return "%s%d.%08d" % (sign, abs(value) // ONE, abs(value) % ONE)


UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND,
         "h": 3600 * SECOND, "d": 86400 * SECOND}


def duration(text):
    total = 0
    for number, unit in re.findall(r"([0-9.]+)(ns|us|ms|s|m|h|d)", text):
        total += scaled(number, 9) * UNITS[unit] // SECOND
    return total


RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")


def moment(text, unit):
    """A time as nanoseconds since the epoch."""
    if unit != "rfc3339":
        return scaled(text, {"s": 9, "ms": 6, "us": 3, "ns": 0}[unit])
    match = RFC3339.fullmatch(text.strip(" \t"))
    if not match:
        raise Broken("not a time: %r" % text)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, zone = match.group(7) or "", match.group(8)
    try:
        date = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise Broken("not a time: %r" % text)
    seconds = (date - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    if zone not in "Zz":
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds += offset if zone[0] == "-" else -offset
    return seconds * SECOND + int((fraction + "0" * 9)[:9])


def rfc3339(ns):
    date = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=ns // SECOND)
    return "%s.%09dZ" % (date.strftime("%Y-%m-%dT%H:%M:%S"), ns % SECOND)


# Records ------------------------------------------------------------------------------

def feed_text(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8", "surrogateescape")


def csv_records(text):
    """Rows as dicts of text; None for a row that has too few fields."""
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows)
    for row in rows:
        if row:
            yield dict(zip(header, row)) if len(row) >= len(header) else None


def ndjson_records(text):
    """Objects as dicts of text, numbers as they were written; None for what is no object."""
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
        except ValueError:
            value = None
        yield value if isinstance(value, dict) else None


def field(record, name):
    """A field that must be there and must be text or a number."""
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Broken("no %s" % name)
    return value


class Event:
    __slots__ = ("time", "symbol", "side", "price", "size", "notional")


class Reader:
    """Records to events: names of columns, units, what is dropped, the tick rule."""

    def __init__(self, options):
        self.options = options
        self.has_side = None
        self.dropped = 0
        self.last_time = {}
        self.last_price = {}
        self.last_side = {}

    def events(self):
        text = feed_text(self.options["path"])
        form = self.options["format"]
        if form == "auto":
            form = "ndjson" if text.lstrip()[:1] == "{" else "csv"
        for record in (csv_records if form == "csv" else ndjson_records)(text):
            try:
                if record is None:
                    raise Broken("no record")
                yield self.event(record)
            except Broken:
                self.dropped += 1

    def event(self, record):
        names = self.options
        if self.has_side is None:
            self.has_side = bool(names["side"]) and names["side"] in record
        event = Event()
        event.time = moment(field(record, names["time"]), names["time_unit"])
        event.symbol = names["fixed_symbol"] or field(record, names["symbol"])
        event.price = decimal(field(record, names["price"]))
        event.size = decimal(field(record, names["size"]))
        if names["id"]:
            field(record, names["id"])
        event.notional = truncated(event.price * event.size, ONE)
        if names["notional"]:
            event.notional = decimal(field(record, names["notional"]))
            if event.notional <= 0:
                raise Broken("notional")
        if event.price <= 0 or event.size <= 0:
            raise Broken("price or size")
        if self.has_side:
            event.side = field(record, names["side"]).strip(" \t").lower()
            if event.side not in ("buy", "sell"):
                raise Broken("side")
        if event.time < self.last_time.get(event.symbol, INT64_MIN):
            raise Broken("time goes backwards")
        self.last_time[event.symbol] = event.time
        if not self.has_side:
            event.side = self.tick_rule(event)
        return event

    def tick_rule(self, event):
        last = self.last_price.get(event.symbol, event.price)
        if event.price != last:
            self.last_side[event.symbol] = "buy" if event.price > last else "sell"
        self.last_price[event.symbol] = event.price
        return self.last_side.get(event.symbol, "buy")


# Clusters -----------------------------------------------------------------------------

class FlowCluster:
    def __init__(self, options):
        self.window = duration(options["window"])
        self.min_trades = int(options["min_trades"])
        self.min_notional = decimal(options["min_notional"])
        self.min_event_notional = decimal(options["min_event_notional"])
        self.dominance = decimal(options["dominance"])
        self.cooldown = duration(options["cooldown"])
        self.seen = defaultdict(deque)
        self.fired = {}
        self.same_time = defaultdict(int)

    def on_event(self, event):
        """The cluster that fires at this event, or None."""
        if event.notional < self.min_event_notional:
            return None
        window = self.seen[event.symbol]
        window.append(event)
        while window[0].time <= event.time - self.window:
            window.popleft()
        ours = [e for e in window if e.side == event.side]
        notional = sum(e.notional for e in ours)
        total = sum(e.notional for e in window)
        pair = (event.symbol, event.side)
        if len(ours) < self.min_trades or notional < self.min_notional:
            return None
        if notional * 100 * ONE < self.dominance * total:
            return None
        if pair in self.fired and self.fired[pair] > event.time - self.cooldown:
            return None
        self.fired[pair] = event.time
        moment_of_pair = (event.symbol, event.side, event.time)
        k = self.same_time[moment_of_pair]
        self.same_time[moment_of_pair] += 1
        return {
            "id": "%s-%s-%d-%d" % (event.symbol, event.side, event.time, k),
            "symbol": event.symbol, "side": event.side,
            "first": rfc3339(ours[0].time), "last": rfc3339(event.time),
            "trades": len(ours), "notional": show(notional), "price": show(event.price),
        }


# Orders and the paper broker ----------------------------------------------------------

class Account:
    def __init__(self, worker, orders, paper):
        self.worker = worker
        self.order_notional = decimal(orders["order_notional"])
        self.lot = decimal(orders["lot"])
        self.long_only = orders["long_only"] in ("yes", "true", "on")
        self.max_position_notional = decimal(orders["max_position_notional"])
        self.max_orders_per_day = int(orders["max_orders_per_day"])
        self.cash = decimal(paper["cash"])
        self.fee_bps = decimal(paper["fee_bps"])
        self.slippage_bps = decimal(paper["slippage_bps"])
        self.positions = defaultdict(int)
        self.open = {}
        self.orders = []
        self.fills = []
        self.orders_on_day = defaultdict(int)

    def on_event(self, event):
        """The paper broker sees an event: an open order of its symbol fills."""
        order = self.open.pop(event.symbol, None)
        if not order:
            return
        buy = order["side"] == "buy"
        factor = 10000 * ONE + (self.slippage_bps if buy else -self.slippage_bps)
        price = truncated(event.price * factor, 10000 * ONE)
        quantity = decimal(order["quantity"])
        notional = truncated(price * quantity, ONE)
        fee = -(-notional * self.fee_bps // (10000 * ONE))
        if buy and notional + fee > self.cash:
            order["status"] = "rejected"
            return
        order["status"] = "filled"
        self.cash += -notional - fee if buy else notional - fee
        self.positions[event.symbol] += quantity if buy else -quantity
        self.fills.append({
            "client_order_id": order["client_order_id"], "symbol": event.symbol,
            "side": order["side"], "quantity": order["quantity"], "price": show(price),
            "fee": show(fee), "time": rfc3339(event.time),
        })

    def on_cluster(self, cluster, event):
        """Place an order, or give the reason why not."""
        position = self.positions[event.symbol]
        buy = cluster["side"] == "buy"
        if event.symbol in self.open:
            return "order_open"
        if position == 0 and (buy or not self.long_only):
            return self.open_position(cluster, event)
        if position == 0:
            return "no_position"
        if buy == (position > 0):
            return "position_open"
        return self.place(cluster, event, abs(position))

    def open_position(self, cluster, event):
        quantity = truncated(self.order_notional * ONE, event.price)
        quantity -= quantity % self.lot
        if quantity == 0:
            return "risk:lot"
        if self.max_position_notional:
            if truncated(quantity * event.price, ONE) > self.max_position_notional:
                return "risk:max_position_notional"
        return self.place(cluster, event, quantity)

    def place(self, cluster, event, quantity):
        day = event.time // (86400 * SECOND)
        if self.max_orders_per_day and self.orders_on_day[day] >= self.max_orders_per_day:
            return "risk:max_orders_per_day"
        self.orders_on_day[day] += 1
        order = {
            "client_order_id": "ts-%s-%s" % (self.worker, cluster["id"]),
            "cluster": cluster["id"], "symbol": event.symbol, "side": cluster["side"],
            "quantity": show(quantity), "status": "open", "time": rfc3339(event.time),
        }
        self.orders.append(order)
        self.open[event.symbol] = order
        return None


def with_defaults(trading):
    merged = {name: dict(section) for name, section in DEFAULTS.items()}
    for name, value in trading.items():
        if isinstance(value, dict):
            merged.setdefault(name, {}).update(value)
    return merged


def ledger(worker, trading):
    """The whole report of a worker that has read its feed to the end."""
    options = with_defaults(trading)
    reader = Reader(options["file"])
    strategy = FlowCluster(options["flow_cluster"])
    account = Account(worker, options["orders"], options["paper"])
    clusters, last_price, events = [], {}, 0

    for event in reader.events():
        events += 1
        last_price[event.symbol] = event.price
        account.on_event(event)
        cluster = strategy.on_event(event)
        if cluster:
            reason = account.on_cluster(cluster, event)
            if reason:
                cluster["skipped"] = reason
            clusters.append(cluster)

    held = {symbol: quantity for symbol, quantity in account.positions.items() if quantity}
    values = {s: truncated(q * last_price[s], ONE) for s, q in held.items()}
    return {
        "events": events, "dropped": reader.dropped, "clusters": clusters,
        "orders": account.orders, "fills": account.fills,
        "positions": [
            {"symbol": s, "quantity": show(q), "price": show(last_price[s]),
             "value": show(values[s])} for s, q in held.items()],
        "cash": show(account.cash), "equity": show(account.cash + sum(values.values())),
    }
