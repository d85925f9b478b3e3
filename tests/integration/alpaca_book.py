# SPDX-License-Identifier: Apache-2.0
"""What a stand-in broker knows: orders, fills, positions, cash. No network and no lies in here,
and the one clock is that of the orders' own times. All of it happens under the server's lock.

An order's course is a plan: a list of steps `status[:part filled]`, of which each look at the
order takes one. The last step stays.
"""

import datetime
import itertools
import time
import uuid
from decimal import ROUND_HALF_UP, Decimal

PLANS = {
    "instant": ["filled:1"],             # taken before the POST is answered
    "at_once": ["filled:1"],
    "never": ["new"],
    "partial": ["new", "partially_filled:0.4", "partially_filled:0.7", "filled:1"],
    "partial_stays": ["partially_filled:0.3"],
    "partial_canceled": ["new", "partially_filled:0.3", "canceled:0.5"],
    "reject": ["pending_new", "rejected"],
    "expire": ["accepted", "expired"],
    "expire_part": ["new", "partially_filled:0.25", "expired:0.25"],
    "replace": ["new", "pending_replace", "replaced"],
    "odd": ["pending_new", "accepted_for_bidding", "stopped", "suspended", "held", "calculated",
            "done_for_day", "filled:1"],
}
CLOSED = {"filled", "canceled", "expired", "rejected", "replaced"}
WHEN = {"filled": "filled_at", "canceled": "canceled_at", "expired": "expired_at",
        "rejected": "failed_at", "replaced": "replaced_at"}


class Refused(Exception):
    """The broker's no: an HTTP status and the body that goes with it."""

    def __init__(self, status, code, message, **more):
        super().__init__(message)
        self.status = status
        self.body = dict({"code": code, "message": message}, **more)


def plan_steps(name):
    """The steps of a plan: a name of PLANS, `after:N` (filled at the N-th look), or a list."""
    if isinstance(name, (list, tuple)):
        return list(name)
    if name.startswith("after:"):
        return ["new"] * (int(name[6:]) - 1) + ["filled:1"]
    return list(PLANS[name])


def text(number):
    """A decimal as the broker writes it: no exponent, no zeros at the end."""
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def rfc3339(ns):
    seconds, fraction = divmod(ns, 10**9)
    day = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return "%s.%09dZ" % (day.strftime("%Y-%m-%dT%H:%M:%S"), fraction)


def is_crypto(symbol):
    return "/" in symbol


class Order:
    def __init__(self, terms, now_ns, steps):
        self.terms = terms
        self.id = str(uuid.uuid4())
        self.client_order_id = terms.get("client_order_id") or str(uuid.uuid4())
        self.symbol, self.side = terms["symbol"], terms["side"]
        self.qty = Decimal(terms["qty"]) if "qty" in terms else None
        self.notional = Decimal(terms["notional"]) if "notional" in terms else None
        self.submitted_ns = self.updated_ns = now_ns
        self.status = "accepted"
        self.steps = steps
        self.fills = []          # {quantity, price, time_ns}, Decimals
        self.times = {}          # filled_at and its like
        self.replaces = self.replaced_by = None
        self.visible_from = 0.0  # time.monotonic(); before it, looks do not see the order
        self.canceling = None    # how a cancel goes on: a step, taken at the next look
        self.foreign = False     # put there by a test, not asked for by the client
        self.former = None       # as the look before the last change showed it
        self.changed = 0.0       # time.monotonic() of the last change

    @property
    def filled(self):
        return sum((fill["quantity"] for fill in self.fills), Decimal(0))

    @property
    def average(self):
        if not self.fills:
            return None
        value = sum(fill["quantity"] * fill["price"] for fill in self.fills)
        return (value / self.filled).quantize(Decimal("1e-9"), ROUND_HALF_UP)

    @property
    def is_open(self):
        return self.status not in CLOSED

    def json(self):
        own = {key: None for key in (
            "filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at", "legs", "hwm",
            "limit_price", "stop_price", "trail_percent", "trail_price", "source", "subtag")}
        own.update({key: rfc3339(ns) for key, ns in self.times.items()})
        submitted, average = rfc3339(self.submitted_ns), self.average
        own.update(
            id=self.id, client_order_id=self.client_order_id, created_at=submitted,
            submitted_at=submitted, updated_at=rfc3339(self.updated_ns),
            replaced_by=self.replaced_by, replaces=self.replaces,
            asset_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, self.symbol)), symbol=self.symbol,
            asset_class="crypto" if is_crypto(self.symbol) else "us_equity",
            notional=None if self.notional is None else text(self.notional),
            qty=None if self.qty is None else text(self.qty), filled_qty=text(self.filled),
            filled_avg_price=None if average is None else text(average),
            order_class=self.terms.get("order_class", ""), order_type=self.terms["type"],
            type=self.terms["type"], side=self.side, time_in_force=self.terms["time_in_force"],
            status=self.status, extended_hours=False)
        if "limit_price" in self.terms:
            own["limit_price"] = self.terms["limit_price"]
        return own


class Book:
    """@plan: what new orders do, a name, or a function of their terms; @price: of a symbol
    without one of its own in @prices; @id_max: longest client_order_id."""

    def __init__(self, cash="1000000000", plan="at_once", price="100", id_max=128):
        self.cash = Decimal(cash)
        self.plan, self.cancel_plan = plan, "canceled"
        self.price, self.prices = Decimal(price), {}
        self.id_max = id_max
        self.orders = []
        self.by_client_id, self.by_id = {}, {}
        self.former_cash = self.cash
        self.cash_changed = 0.0  # time.monotonic() of the last change
        self.holdings = {}       # symbol: [quantity, cost]
        self.later = []          # (time.monotonic(), terms) of orders that are yet to appear
        self.open = True         # whether the market is
        self.same_time_ns = 1    # times are multiples of it
        self.last_ns = 0
        self.refused_later = []  # orders of @later whose id was taken in the meantime

    def now_ns(self):
        """A time that never stands still, but where the test wants it to."""
        step = self.same_time_ns
        self.last_ns = max(self.last_ns + (1 if step == 1 else 0), time.time_ns() // step * step)
        return self.last_ns

    def price_of(self, symbol):
        return Decimal(self.prices.get(symbol, self.price))

    # Orders ---------------------------------------------------------------------------

    def position(self, symbol):
        return self.holdings.get(symbol, [Decimal(0)])[0]

    def held(self, symbol, side):
        """What open orders of a side still want."""
        return sum((order.qty - order.filled for order in self.orders
                    if order.is_open and order.symbol == symbol and order.side == side
                    and order.qty is not None), Decimal(0))

    def check_id(self, client_order_id):
        if client_order_id is None:
            return
        if len(client_order_id) > self.id_max:
            raise Refused(422, 40010001, "client_order_id must be no more than %d characters"
                          % self.id_max)
        if client_order_id in self.by_client_id:
            raise Refused(422, 40010001, "client_order_id must be unique")

    def check_sell(self, terms, quantity):
        available = self.position(terms["symbol"]) - self.held(terms["symbol"], "sell")
        if quantity <= available:
            return
        if available > 0 or is_crypto(terms["symbol"]):
            raise Refused(403, 40310000, "insufficient qty available for order (requested: %s, "
                          "available: %s)" % (text(quantity), text(available)),
                          available=text(available), symbol=terms["symbol"],
                          existing_qty=text(self.position(terms["symbol"])),
                          held_for_orders=text(self.held(terms["symbol"], "sell")))
        if quantity != quantity.to_integral_value():
            raise Refused(422, 42210000, "fractional orders cannot be sold short")

    def check_buy(self, terms, cost):
        buying_power = self.cash - sum(
            ((order.qty - order.filled) * self.price_of(order.symbol) for order in self.orders
             if order.is_open and order.side == "buy" and order.qty is not None), Decimal(0))
        if cost > buying_power and self.position(terms["symbol"]) >= 0:
            raise Refused(403, 40310000, "insufficient buying power",
                          buying_power=text(buying_power), cost_basis=text(cost))

    def place(self, terms, plan=None, hide=0.0):
        """Accept an order. Returns it; Refused says why not."""
        self.check_id(terms.get("client_order_id"))
        price = self.price_of(terms["symbol"])
        quantity = Decimal(terms["qty"]) if "qty" in terms else Decimal(terms["notional"]) / price
        if terms["side"] == "sell":
            self.check_sell(terms, quantity)
        else:
            self.check_buy(terms, quantity * price)
        name = plan or (self.plan(terms) if callable(self.plan) else self.plan)
        order = Order(terms, self.now_ns(), plan_steps(name))
        order.visible_from = time.monotonic() + hide if hide else 0.0
        self.enter(order)
        if name == "instant":
            self.look(order)
        return order

    def enter(self, order):
        self.orders.append(order)
        self.by_client_id[order.client_order_id] = order
        self.by_id[order.id] = order

    def place_later(self, terms, delay):
        self.later.append((time.monotonic() + delay, terms))

    def tick(self, all_of_them=False):
        """Orders that appear only now."""
        now, waiting = time.monotonic(), self.later
        self.later = []
        for due, terms in waiting:
            if due > now and not all_of_them:
                self.later.append((due, terms))
                continue
            try:
                self.place(terms)
            except Refused as refusal:
                self.refused_later.append(dict(terms, message=str(refusal)))

    def is_visible(self, order):
        return order.visible_from <= time.monotonic()

    def look(self, order):
        """Somebody looks at the order: its next step happens before they see it."""
        if not order.is_open or (not self.open and not order.canceling):
            return
        if order.canceling:
            step, order.canceling = order.canceling, None
            order.steps = []
        elif order.steps:
            step = order.steps.pop(0)
        else:
            return
        order.former, order.changed = order.json(), time.monotonic()
        status, _, part = step.partition(":")
        if part and order.qty is not None:
            self.fill(order, order.qty * Decimal(part) - order.filled)
        self.move(order, status)
        if status == "replaced":
            self.replace(order)

    def move(self, order, status):
        order.status, order.updated_ns = status, self.now_ns()
        if status in WHEN:
            order.times[WHEN[status]] = order.updated_ns

    def fill(self, order, quantity):
        """Fill some of an order at the symbol's price."""
        quantity = quantity.quantize(Decimal("1e-9"))
        if quantity <= 0:
            return
        price = self.price_of(order.symbol)
        order.fills.append({"quantity": quantity, "price": price, "time_ns": self.now_ns()})
        signed = quantity if order.side == "buy" else -quantity
        self.former_cash, self.cash_changed = self.cash, time.monotonic()
        self.cash -= signed * price
        holding = self.holdings.setdefault(order.symbol, [Decimal(0), Decimal(0)])
        if holding[0] * signed >= 0:
            holding[1] += signed * price
        elif abs(signed) <= abs(holding[0]):
            holding[1] += holding[1] / holding[0] * signed
        else:
            holding[1] = (holding[0] + signed) * price
        holding[0] += signed
        if holding[0] == 0:
            del self.holdings[order.symbol]

    def replace(self, order):
        """Another order, of the broker's making, goes on with what was not filled."""
        terms = dict(order.terms, qty=text(order.qty - order.filled),
                     client_order_id=str(uuid.uuid4()))
        other = Order(terms, self.now_ns(), plan_steps("at_once"))
        other.replaces, order.replaced_by = order.id, other.id
        other.foreign = True
        self.enter(other)

    def cancel(self, order):
        """Take an order back; what becomes of it shows at the next look."""
        if not order.is_open or order.status == "pending_replace":
            raise Refused(422, 42210000, 'order is already in "%s" state' % order.status)
        order.canceling = self.cancel_plan
        if ":" not in order.canceling and order.filled:
            order.canceling += ":%s" % (order.filled / order.qty)
        self.move(order, "pending_cancel")

    # What others read -----------------------------------------------------------------

    def positions(self):
        return [self.position_json(symbol) for symbol in self.holdings]

    def position_json(self, symbol):
        quantity, cost = self.holdings[symbol]
        price = self.price_of(symbol)
        value = quantity * price
        profit = text(value - cost)
        rate = text(((value - cost) / abs(cost)).quantize(Decimal("1e-9"))) if cost else "0"
        available = abs(quantity) - self.held(symbol, "sell" if quantity > 0 else "buy")
        return {
            "asset_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol)),
            "symbol": symbol.replace("/", ""), "asset_marginable": not is_crypto(symbol),
            "exchange": "CRYPTO" if is_crypto(symbol) else "NASDAQ",
            "asset_class": "crypto" if is_crypto(symbol) else "us_equity",
            "avg_entry_price": text((cost / quantity).quantize(Decimal("1e-9"))),
            "qty": text(quantity), "qty_available": text(max(available, Decimal(0))),
            "side": "long" if quantity > 0 else "short", "market_value": text(value),
            "cost_basis": text(cost), "unrealized_pl": profit, "unrealized_plpc": rate,
            "unrealized_intraday_pl": profit, "unrealized_intraday_plpc": rate,
            "current_price": text(price), "lastday_price": text(price), "change_today": "0"}

    def snapshot(self):
        """All of it, as JSON for a test or a person."""
        return {
            "cash": text(self.cash),
            "positions": {symbol: text(holding[0]) for symbol, holding in self.holdings.items()},
            "orders": [dict(order.json(), foreign=order.foreign, fills=[
                {"quantity": text(fill["quantity"]), "price": text(fill["price"]),
                 "time": rfc3339(fill["time_ns"])} for fill in order.fills])
                       for order in self.orders],
            "refused_later": self.refused_later}

    def select(self, status, symbols, side, after, until, descending, limit):
        """Orders as a list request asks for them; @after and @until in ns, or None."""
        found = (order for order in self.orders if self.is_visible(order)
                 and (not symbols or order.symbol in symbols)
                 and (side is None or order.side == side)
                 and (after is None or order.submitted_ns > after)
                 and (until is None or order.submitted_ns < until)
                 and (status == "all" or order.is_open == (status == "open")))
        ordered = sorted(found, key=lambda order: order.submitted_ns, reverse=descending)
        return list(itertools.islice(ordered, limit))
