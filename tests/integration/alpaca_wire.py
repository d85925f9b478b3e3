# SPDX-License-Identifier: Apache-2.0
"""The stand-in broker's connections: requests are read, and answers written in all the wrong ways
that alpaca_lies.py names.
"""

import collections
import gzip
import http.server
import json
import re
import socket
import struct
import sys
import time

import alpaca_book
from alpaca_schema import Request

REASONS = http.server.BaseHTTPRequestHandler.responses
HTML = b"<html>\r\n<head><title>gateway</title></head>\r\n<body>try again</body>\r\n</html>\r\n"
AMOUNTS = rb'"(qty|filled_qty|filled_avg_price|cash)": "([0-9.]+)"'
# What is refused: the broker's own words, and those of whatever stands between.
REFUSALS = {
    "400": b'{"message":"bad request"}', "409": b'{"code":409,"message":"conflict"}',
    "403": b'{"code":40310000,"message":"insufficient buying power","buying_power":"0","cost_basis":"1"}',
    "404_gateway": b'{"message":"no Route matched with those values"}',
    "429_taken": b'{"code":42910000,"message":"rate limit exceeded"}',
    "422_words": b'{"code":42210000,"message":"Client Order ID already exists"}',
}
FOREIGN = [b'{"message":"ok"}', b"[]", b"null", b"17", HTML, b"", b'{"id":7,"status":"filled"}',
           b'{"status":"filled","filled_qty":"1"}']


def in_pieces(whole, data, last=b"0\r\n\r\n", size=97):
    """The answer in chunks."""
    head = re.sub(rb"\r\nContent-Length: \d+", b"\r\nTransfer-Encoding: chunked", whole[:len(whole) - len(data)])
    if b"chunked" not in head:
        return whole
    pieces = (data[start:start + size] for start in range(0, len(data), size))
    return head + b"".join(b"%x;note=x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + last


def packed(whole, data):
    """The answer with a content coding that nobody asked for."""
    small = gzip.compress(data)
    return whole[:len(whole) - len(data)].replace(
        b"Content-Length: %d" % len(data), b"Content-Encoding: gzip\r\nContent-Length: %d" % len(small)) + small


def in_odd_form(whole, data):
    """The same fields: in another order, with unknown ones and other texts for the same times."""
    try:
        fields = json.loads(data)
    except ValueError:
        return whole
    if not isinstance(fields, dict):
        return whole
    for key in fields:
        if key.endswith("_at") and fields[key]:
            fields[key] = fields[key].replace("Z", "-00:00")
    fields = dict([("subtag2", {"status": "filled", "deep": [[[[[]]]]]})] + sorted(fields.items(), reverse=True))
    other = json.dumps(fields, indent=1).replace("/", "\\/").encode() + b"\r\n"
    return whole[:len(whole) - len(data)].replace(b"Content-Length: %d" % len(data),
                                                  b"Content-Length: %d" % len(other)) + other


def with_length(whole, data, more):
    return whole.replace(b"Content-Length: %d" % len(data), b"Content-Length: %d" % max(len(data) + more, 0))


def with_body(whole, data, other):
    return with_length(whole[:len(whole) - len(data)], data, len(other) - len(data)) + other


# A whole answer and its body, to what is written instead: the same in another form, or broken.
TRUE_FORMS = {
    "gzip": packed, "chunked": in_pieces, "odd_form": in_odd_form,
    "http10": lambda whole, data: with_length(whole, data, 0).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "continue": lambda whole, _data: 2 * b"HTTP/1.1 100 Continue\r\n\r\n" + whole,
    "close_after": lambda whole, _data: whole,
    "numbers": lambda whole, data: with_body(whole, data, re.sub(AMOUNTS, rb'"\1": \2', data)),
    "no_price": lambda whole, data: with_body(
        whole, data, re.sub(rb'"filled_avg_price": "[0-9.]+"', b'"filled_avg_price": null', data)),
}
BAD_FORMS = {
    "too_short": lambda whole, data: with_length(whole, data, -7),
    "too_long": lambda whole, data: with_length(whole, data, 7),
    "chunk_broken": lambda whole, data: in_pieces(whole, data, last=b"zz\r\n\r\n"),
    "chunk_cut": lambda whole, data: in_pieces(whole, data, last=b""),
}
WRONG_FIELDS = {
    "no_quantity": lambda data: re.sub(rb'"qty": "[^"]*"', b'"qty": null', data),
    "other_terms": lambda data: re.sub(rb'"qty": "([^"]*)"', rb'"qty": "1\1"', data),
    "double_key": lambda data: data[:-1] + b', "status": "rejected"}' if data[:1] == b"{" else b"[",
}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.to_reset = set()

    def process_request(self, request, client_address):
        if self.RequestHandlerClass.owner.must_reset():
            self.reset(request)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def reset(self, connection):
        """Let the connection end with a reset."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.to_reset.add(connection)

    def shutdown_request(self, request):
        if request in self.to_reset:
            self.to_reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """A client that went away, killed perhaps, is nothing to report."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests of one connection, and writes answers in all the wrong ways."""

    protocol_version = "HTTP/1.1"
    owner = None
    numbers = collections.Counter()

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.owner.lock:
            self.owner.connections.add(self.connection)
            self.numbers[self.owner] += 1
            self.number = self.numbers[self.owner]

    def finish(self):
        with self.owner.lock:
            self.owner.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def handle_one_request(self):
        """As ever; but when its first byte came is written down."""
        self.rfile.peek(1)
        self.first_byte = time.monotonic()
        super().handle_one_request()

    def serve(self):
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        request = Request(self.command, self.path, headers, body)
        if request.path.startswith("/control/"):
            status, answer = self.owner.control(request)
            self.write(status, json.dumps(answer).encode(), {})
            return
        with self.owner.lock:
            note = self.owner.note(request, self.number, self.first_byte)
        lie, status, data, more = self.owner.handle(request, note)
        self.answer(lie, status, data, more)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = serve

    def answer(self, lie, status, data, more):
        how = lie.answer
        if how in ("true", "429", "stale"):
            self.write(status, data, more)
        elif how in TRUE_FORMS or how in BAD_FORMS:
            self.wfile.write({**TRUE_FORMS, **BAD_FORMS}[how](self.response(status, data, more), data))
            if how in BAD_FORMS or how in ("http10", "close_after"):
                self.drop(False)
        elif how in REFUSALS:
            if how == "429_taken":
                more = dict(more, **{"X-RateLimit-Reset": str(int(time.time()) + 2)})
            self.write(int(how[:3]), REFUSALS[how], more)
        elif how == "308":
            self.write(308, b"", dict(more, Location=self.path))
        elif how in ("none", "reset", "reset_unread"):
            self.drop(how != "none")
        elif how == "stall":
            time.sleep(lie.wait)
            self.drop(False)
        elif how == "slow":
            self.write_slowly(self.response(status, data, more), lie.wait)
        elif how == "duplicate":
            self.wfile.write(self.response(status, data, more) * 2)
        elif how in ("truncated", "truncated_head"):
            whole = self.response(status, data, more)
            head = whole.index(b"\r\n\r\n")
            self.wfile.write(whole[:head - 20] if how == "truncated_head" else
                             whole[:head + 4 + max(len(data) // 2, 0)])
            self.drop(False)
        elif how in ("404_html", "403_html"):
            self.write(int(how[:3]), HTML, more, "text/html")
        elif how == "404":
            self.write(404, b'{"code":40410000,"message":"order not found"}', more)
        elif how == "401":
            self.write(401, b'{"code":40110000,"message":"request is not authorized"}', more)
        elif how == "403":
            self.write(403, b'{"code":40310000,"message":"forbidden."}', more)
        elif how in ("500", "502", "503", "504"):
            html = int(how) % 2 == 0 and how != "500"
            self.write(int(how), HTML if html else b'{"code":50010000,"message":"internal server error occurred"}',
                       more, "text/html" if html else "application/json")
        else:
            self.write(200, self.wrong_body(how, data), more)

    def wrong_body(self, how, data):
        """Something with status 200 that is not what was asked for."""
        if how == "broken_json":
            return data[:len(data) * 2 // 3] if len(data) > 3 else b'{"id": "'
        if how == "other_order":
            book = self.owner.book
            other = alpaca_book.Order({"symbol": "OTHER", "qty": "1", "side": "buy", "type": "market",
                                       "time_in_force": "day"}, book.now_ns(), [])
            return json.dumps(other.json()).encode()
        if how in WRONG_FIELDS:
            return WRONG_FIELDS[how](data)
        return FOREIGN[len(data) % len(FOREIGN)]

    def response(self, status, data, more, kind="application/json"):
        head = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, ("Unknown",))[0]),
                "Date: " + self.date_time_string(), "Content-Type: " + kind]
        if status != 204:
            head.append("Content-Length: %d" % len(data))
        head += ["%s: %s" % item for item in more.items()]
        return "\r\n".join(head + ["", ""]).encode() + data

    def write(self, status, data, more, kind="application/json"):
        self.wfile.write(self.response(status, data, more, kind))

    def write_slowly(self, whole, seconds):
        pieces = 10
        size = -(-len(whole) // pieces)
        for start in range(0, len(whole), size):
            self.wfile.write(whole[start:start + size])
            time.sleep(seconds / pieces)

    def drop(self, reset):
        """End the connection: politely, or with a reset."""
        if reset:
            self.server.reset(self.connection)
        self.close_connection = True

    def log_message(self, *_):
        pass
