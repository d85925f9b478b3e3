# SPDX-License-Identifier: Apache-2.0
"""The stand-in broker's connections: requests are read, and answers written in all the wrong ways
that alpaca_lies.py names.
"""

import collections
import http.server
import json
import socket
import struct
import sys
import time

import alpaca_book
from alpaca_schema import Request

REASONS = http.server.BaseHTTPRequestHandler.responses
HTML = b"<html>\r\n<head><title>gateway</title></head>\r\n<body>try again</body>\r\n</html>\r\n"
FOREIGN = [b'{"message":"ok"}', b"[]", b"null", b"17", HTML, b"", b'{"id":7,"status":"filled"}',
           b'{"status":"filled","filled_qty":"1"}']


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
        if how in ("true", "429"):
            self.write(status, data, more)
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
