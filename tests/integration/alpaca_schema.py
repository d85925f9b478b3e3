# SPDX-License-Identifier: Apache-2.0
"""What the broker's published description says of requests, as tables; check_request() names every breach."""

import json
import re
import urllib.parse

ENUMS = {
    "type": {"market", "limit", "stop", "stop_limit", "trailing_stop"},
    "time_in_force": {"day", "gtc", "opg", "cls", "ioc", "fok"},
    "side": {"buy", "sell"},
    "order_class": {"simple", "bracket", "oco", "oto", "mleg", ""},
    "position_intent": {"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"},
    "status": {"open", "closed", "all"},
    "direction": {"asc", "desc"},
    "date_type": {"TRADING", "SETTLEMENT"},
    "nested": {"true", "false"},
    "cancel_orders": {"true", "false"},
}
ORDER_TEXTS = {"client_order_id", "limit_price", "notional", "order_class", "position_intent", "qty",
               "side", "stop_price", "symbol", "time_in_force", "trail_percent", "trail_price", "type"}
ORDER_OTHERS = {"advanced_instructions": dict, "extended_hours": bool, "legs": list,
                "stop_loss": dict, "take_profit": dict}
AMOUNTS = {"qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent"}

ROUTES = [
    ("place", "POST", r"/v2/orders", set()),
    ("list", "GET", r"/v2/orders", {"status", "limit", "after", "until", "direction", "nested", "symbols",
                                    "side", "asset_class", "before_order_id", "after_order_id"}),
    ("cancel_all", "DELETE", r"/v2/orders", set()),
    ("lookup", "GET", r"/v2/orders:by_client_order_id", {"client_order_id"}),
    ("get", "GET", r"/v2/orders/(?P<id>[^/]+)", {"nested"}),
    ("cancel", "DELETE", r"/v2/orders/(?P<id>[^/]+)", set()),
    ("account", "GET", r"/v2/account", set()),
    ("positions", "GET", r"/v2/positions", set()),
    ("close_all", "DELETE", r"/v2/positions", {"cancel_orders"}),
    ("position", "GET", r"/v2/positions/(?P<symbol>.+)", set()),
    ("close", "DELETE", r"/v2/positions/(?P<symbol>.+)", {"qty", "percentage"}),
    ("clock", "GET", r"/v2/clock", set()),
    ("calendar", "GET", r"/v2/calendar", {"start", "end", "date_type"}),
]

DATE = r"\d{4}-\d\d-\d\d"
DATE_TIME = DATE + r"[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Request:
    """One request as it was read: @kind of ROUTES ("" if none), its @query and its @terms."""

    def __init__(self, method, target, headers, body):
        path, _, query = target.partition("?")
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.kind, self.part, self.known = "", "", set()
        for kind, its_method, pattern, known in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == its_method:
                self.kind, self.known = kind, known
                self.part = urllib.parse.unquote(next(iter(match.groups()), ""))
        self.terms = None
        if self.kind == "place":
            try:
                self.terms = json.loads(body)
            except ValueError:
                pass

    @property
    def client_order_id(self):
        if self.kind == "place" and isinstance(self.terms, dict):
            return self.terms.get("client_order_id")
        return self.query.get("client_order_id")


def check_request(request):
    """What is wrong with a request, a sentence each. Sets no state."""
    wrong = []
    if not request.kind:
        return ["%s %s is not in the description" % (request.method, request.path)]
    if "transfer-encoding" in request.headers:
        wrong.append("a body of unknown length")
    if request.kind != "place" and request.body:
        wrong.append("a body where none belongs")
    wrong += ["unknown parameter " + name for name in request.query if name not in request.known]
    wrong += ["%s=%s" % item for item in request.query.items()
              if item[0] in ENUMS and item[1] not in ENUMS[item[0]]]
    if request.kind == "place":
        wrong += check_order(request)
    if request.kind == "lookup" and not request.query.get("client_order_id"):
        wrong.append("client_order_id is missing")
    if request.kind in ("get", "cancel") and not re.fullmatch(UUID, request.part):
        wrong.append("the order's id is no UUID")
    if request.kind == "list":
        wrong += check_list(request.query)
    if request.kind == "calendar":
        wrong += ["%s is no date-time" % name for name in ("start", "end")
                  if not re.fullmatch(DATE_TIME, request.query.get(name, "2000-01-01T00:00:00Z"))]
    return wrong


def check_list(query):
    wrong = []
    if not re.fullmatch(r"\d+", query.get("limit", "50")) or not 1 <= int(query.get("limit", 50)) <= 500:
        wrong.append("limit=%s" % query["limit"])
    for name in ("after", "until"):
        if name in query and not re.fullmatch("%s|%s" % (DATE, DATE_TIME), query[name]):
            wrong.append("%s=%s" % (name, query[name]))
    return wrong


def check_order(request):
    terms = request.terms
    wrong = []
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        wrong.append("Content-Type is not application/json")
    if not isinstance(terms, dict):
        return wrong + ["the body is no JSON object"]
    wrong += [name + " is missing" for name in ("type", "time_in_force", "symbol", "side") if not terms.get(name)]
    for name, value in terms.items():
        wanted = str if name in ORDER_TEXTS else ORDER_OTHERS.get(name)
        if wanted is None:
            wrong.append("unknown property " + name)
        elif not isinstance(value, wanted):
            wrong.append("%s is no %s" % (name, wanted.__name__))
        elif name in ENUMS and value not in ENUMS[name]:
            wrong.append("%s is %s" % (name, value))
        elif name in AMOUNTS and not re.fullmatch(r"\d{1,15}(\.\d{1,9})?", value):
            wrong.append("%s is %s" % (name, value))
    if wrong:
        return wrong
    return check_together(terms)


def check_together(terms):
    """Properties that go only with others."""
    wrong = []
    if ("qty" in terms) == ("notional" in terms):
        return ["one of qty and notional"]
    amount = terms.get("qty", terms.get("notional"))
    if float(amount) <= 0:
        wrong.append("an amount of " + amount)
    crypto = "/" in terms["symbol"]
    if crypto and terms["time_in_force"] not in ("gtc", "ioc"):
        wrong.append("time_in_force for crypto: " + terms["time_in_force"])
    fractional = "notional" in terms or float(amount) != int(float(amount))
    if fractional and not crypto and (terms["type"], terms["time_in_force"]) != ("market", "day"):
        wrong.append("a fraction with other than market and day")
    if ("limit_price" in terms) != (terms["type"] in ("limit", "stop_limit")):
        wrong.append("limit_price with type " + terms["type"])
    if len(terms.get("client_order_id", "x")) > 128 or not terms.get("client_order_id", "x"):
        wrong.append("client_order_id of %d characters" % len(terms["client_order_id"]))
    return wrong
