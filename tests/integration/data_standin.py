# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the servers that feeds ask: trades as Alpaca gives them, option flow alerts,
and a file that grows. It lies on request: late, cut short, refused, garbage, twice, mixed up.

What is visible grows with each honest answer, so a test needs no clock.
"""

import json
import random
import socket
import struct
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY_ID, SECRET, TOKEN = "PKTESTKEYID", "s3cr3t-of-the-account", "t0ken-of-the-service"


def rfc3339(ns):
    seconds, rest = divmod(ns, 10**9)
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") \
        + ".%09dZ" % rest


def nanoseconds(text):
    main, _, fraction = text.rstrip("Z").partition(".")
    when = datetime.strptime(main, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return int(when.timestamp()) * 10**9 + int((fraction + "0" * 9)[:9])


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that was killed is no error of ours."""


class DataServer:
    """Records are dicts with "ns" and "symbol", sorted by time; see trades() and alerts()."""

    # Of these the last are no lies about a file, which may be anything.
    LIES = ("slow", "cut", "500", "reset", "twice", "mixed", "nothing", "400", "429",
            "garbage", "half_json")

    def __init__(self, records=(), step=100, seed=0, lies=0.0, content=b"", ranges=True):
        self.records = list(records)
        self.step, self.lies = step, lies
        self.random = random.Random(seed)
        self.visible = step
        self.content, self.ranges = content, ranges
        self.script = []          # lies to be told first, in order
        self.always = None        # a lie for every request
        self.unknown = set()      # symbols that make a request bad
        self.reset_s = 1
        self.page = 70            # trades at the most
        self.requests = []        # (time, path, query, headers)
        self.bytes_sent = 0       # of the file
        self.lock = threading.Lock()
        self.hold = threading.Event()
        self.http = QuietServer(("127.0.0.1", 0), self.handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.http.server_address[1]

    def close(self):
        self.hold.set()
        self.http.shutdown()
        self.http.server_close()

    def count(self):
        with self.lock:
            return len(self.requests)

    def is_all_visible(self):
        return self.visible >= len(self.records)

    def next_lie(self):
        with self.lock:
            if self.script:
                return self.script.pop(0)
            if self.always:
                return self.always
            return self.random.choice(self.LIES) if self.random.random() < self.lies else None

    def seen(self):
        """What can be asked for now; an honest answer makes more visible."""
        with self.lock:
            shown = self.records[:self.visible]
            self.visible += self.step
        return shown

    def trades(self, query, lie):
        wanted = query.get("symbols", "").split(",")
        if self.unknown.intersection(wanted):
            return 400, {"message": "invalid symbol"}
        start, end = query.get("start"), query.get("end")
        low = nanoseconds(start) if start else 0
        high = nanoseconds(end) if end else 1 << 62
        token = query.get("page_token")
        if token:
            count, offset = (int(part) for part in token.split("-"))
            shown = self.records[:count]
        else:
            shown, offset = self.seen(), 0
        count = len(shown)
        rows = [r for symbol in sorted(wanted) for r in shown
                if r["symbol"] == symbol and low <= r["ns"] <= high]
        limit = min(int(query.get("limit", 1000)), self.page)
        page, rest = rows[offset:offset + limit], rows[offset + limit:]
        if lie == "nothing":
            return 200, {"trades": {}, "next_page_token": "%d-%d" % (count, offset)
                         if not token else None}
        if lie == "twice":
            page = page + page[:20]
        if lie == "mixed":
            self.random.shuffle(page)
        trades = {}
        for row in page:
            trades.setdefault(row["symbol"], []).append(row["trade"])
        return 200, {"trades": trades, "next_page_token":
                     "%d-%d" % (count, offset + limit) if rest else None}

    def alerts(self, query, lie):
        low = nanoseconds(query["newer_than"]) if "newer_than" in query else 0
        high = nanoseconds(query["older_than"]) if "older_than" in query else 1 << 62
        shown = self.records[:self.visible] if "older_than" in query else self.seen()
        tickers = query.get("ticker_symbol")
        rows = [r for r in reversed(shown) if low < r["ns"] < high
                and (not tickers or r["symbol"] in tickers.split(","))]
        page = rows[:int(query.get("limit", 50))]
        if lie == "mixed":
            self.random.shuffle(page)
        return 200, {"data": [r["alert"] for r in page]}

    def handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else an answer takes 40 ms

            def log_message(self, *args):
                pass

            def do_GET(self):
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                with server.lock:
                    server.requests.append((time.time(), parts.path, query, dict(self.headers)))
                lie = server.next_lie()
                if lie and self.tell(lie):
                    return
                if parts.path == "/v2/stocks/trades":
                    if (self.headers.get("APCA-API-KEY-ID") != KEY_ID
                            or self.headers.get("APCA-API-SECRET-KEY") != SECRET):
                        self.answer(401, {"code": 40110000, "message": "bad keys"})
                        return
                    self.answer(*server.trades(query, lie))
                elif parts.path == "/api/option-trades/flow-alerts":
                    if self.headers.get("Authorization") != "Bearer " + TOKEN:
                        self.answer(401, {})
                        return
                    self.answer(*server.alerts(query, lie))
                else:
                    self.file()

            def tell(self, lie):
                """Return: whether that was all."""
                if lie == "slow":
                    server.hold.wait(0.3)  # to be slow is what is asked for
                elif lie == "hang":
                    server.hold.wait(120)
                    self.close_connection = True
                    return True
                elif lie == "cut":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"trades\":{")
                    self.close_connection = True
                    return True
                elif lie in ("500", "504", "400", "401", "403"):
                    self.answer(int(lie), {"message": "a lie"})
                    return True
                elif lie == "429":
                    self.answer(429, {}, {"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0",
                                          "X-RateLimit-Reset": str(int(time.time()) + server.reset_s)})
                    return True
                elif lie == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return True
                elif lie == "garbage":
                    self.raw(200, b"<html>\x00\xff not what you asked for")
                    return True
                elif lie == "half_json":
                    self.raw(200, b'{"trades":{"S0":[{"t":"2023-11-14T22:13:20Z","i":1,"p":1')
                    return True
                return False

            def raw(self, status, body, headers=None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def answer(self, status, value, headers=None):
                # The numbers are texts in the records; they stand in the JSON as they are.
                text = json.dumps(value)
                self.raw(status, text.replace('"#', "").replace('#"', "").encode(), headers)

            def file(self):
                with server.lock:
                    content, etag = server.content, '"%d"' % len(server.content)
                asked = self.headers.get("Range")
                if self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                if not server.ranges or not asked:
                    self.raw(200, content, {"ETag": etag})
                    return
                first, last = (int(part) for part in asked.partition("=")[2].split("-"))
                if first >= len(content):
                    self.raw(416, b"", {"Content-Range": "bytes */%d" % len(content)})
                    return
                part = content[first:last + 1]
                with server.lock:
                    server.bytes_sent += len(part)
                self.raw(206, part, {"ETag": etag, "Content-Range": "bytes %d-%d/%d"
                                     % (first, first + len(part) - 1, len(content))})

        return Handler


def trades(seed, count, symbols=4):
    """Trades of a made-up market; some were taken back, some are broken."""
    rng = random.Random(seed)
    now, prices, rows = 1700000000 * 10**9, {}, []
    for number in range(count):
        now += rng.randrange(1, 4 * 10**9)
        symbol = "S%d" % rng.randrange(symbols)
        if rng.random() < 0.7:
            prices[symbol] = prices.get(symbol, 100.0) * (1 + rng.uniform(-0.004, 0.004))
        price, size = "%.8f" % prices.setdefault(symbol, 100.0), "%d" % rng.randrange(1, 60)
        trade = {"t": rfc3339(now), "x": "V", "i": "#%d#" % number, "p": "#%s#" % price,
                 "s": "#%s#" % size, "c": ["@"], "z": "C"}
        event = {"time": trade["t"], "symbol": symbol, "price": price, "size": size,
                 "id": str(number)}
        kind = rng.random()
        if kind < 0.02:
            trade["u"] = rng.choice(["canceled", "incorrect"])
            del event["price"]
        elif kind < 0.03:
            trade["u"] = "corrected"
        elif kind < 0.04:
            del trade["p"], event["price"]
        rows.append({"ns": now, "symbol": symbol, "trade": trade, "event": event})
    return rows


def alerts(seed, count, symbols=3):
    """Alerts, and the events that they are."""
    rng = random.Random(seed)
    now, rows = 1700000000 * 10**9, []
    for number in range(count):
        now += rng.randrange(1, 60 * 10**6) * 1000
        symbol, kind = "T%d" % rng.randrange(symbols), rng.choice(["call", "put"])
        ask, bid = rng.randrange(1000), rng.choice([0, 5, 500])
        premium, price = "%d.5" % rng.randrange(50000, 900000), "%.2f" % rng.uniform(90, 110)
        side = "buy" if (kind == "call") == (ask > bid) else "sell"
        alert = {"id": "a-%d" % number, "ticker": symbol, "type": kind,
                 "created_at": rfc3339(now)[:-4] + "Z", "total_premium": premium,
                 "total_ask_side_prem": str(ask), "total_bid_side_prem": str(bid), "price": "4.05",
                 "total_size": "#%d#" % rng.randrange(1, 900), "underlying_price": price,
                 "has_sweep": True, "strike": "375", "expiry": "2024-01-19"}
        event = {"time": alert["created_at"], "symbol": symbol, "side": side, "price": price,
                 "size": alert["total_size"].strip("#"), "id": alert["id"], "notional": premium}
        if rng.random() < 0.02:
            alert["type"] = "spread"
            del event["side"]
        rows.append({"ns": nanoseconds(alert["created_at"]), "symbol": symbol, "alert": alert,
                     "event": event})
    return rows
