# SPDX-License-Identifier: Apache-2.0
"""What tradesup-web lets change: nothing without a token's file, and with one nothing but
what it names, for nobody but who has the token.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import unittest
import urllib.parse

import harness
from harness import BUILD, EXIT_OK, EXIT_USAGE, SANITIZED, TIMEOUT, misbehaving, wait_until
from test_web import WEB, Web, get, web_worker

TOKEN = "0123456789abcdef0123456789abcdef"
CLOCKS = os.path.join(BUILD, "tests", "libshift_clocks.so")
FORM = "application/x-www-form-urlencoded"
LISTEN = ["--listen", "127.0.0.1:0", "--interval", "100ms"]


def raw(port, text, end=True):
    """Send bytes as they are; the answer's status line, headers and body."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        answer = b""
        # What is refused is not read to its end: the answer is followed by a reset.
        with contextlib.suppress(ConnectionError):
            connection.sendall(text if isinstance(text, bytes) else text.encode())
        if end:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while got := connection.recv(65536):
                answer += got
        return answer.decode()


def request(path, body="", method="POST", token=TOKEN, **headers):
    """An HTTP request as text."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    known = {"Host": "localhost", "Connection": "close", "Content-Type": FORM, "Content-Length": str(len(body)),
             "Authorization": token and "Bearer " + token}
    known.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines += ["%s: %s" % (name, value) for name, value in known.items() if value is not None]
    return "\r\n".join(lines) + "\r\n\r\n" + body


class Control(Web):
    def begin(self, workers):
        self.token = self.box.file("web.token", TOKEN + "\n")
        os.chmod(self.token, 0o600)
        command = ["tradesup-web", *LISTEN, "--token-file", self.token]
        self.box.write_config(dict(workers, web=web_worker(command=command)))
        self.run_ = self.box.start()
        self.at = self.port()
        wait_until(lambda: get(self.at, "/healthz")[0].status == 200, "the first look")
        return self.at

    def post(self, path, fields=None, **headers):
        """The status, and the body."""
        answer = raw(self.at, request(path, urllib.parse.urlencode(fields or {}), **headers), end=False)
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split()[1]), body

    def changed(self):
        """What a request has done so far."""
        return [event["event"] for event in self.run_.events
                if event["event"] in ("worker.stop", "worker.exit", "supervisor.hold", "supervisor.resume")]


class Done(Control):
    def test_what_it_is_for(self):
        self.begin({"calm": misbehaving("calm")})
        self.run_.wait_for("worker.ready", worker="calm")
        pid = self.run_.worker_pid("calm")
        self.assertEqual(self.post("/control/restart", {"worker": "calm"}), (200, "ok\n"))
        self.assertNotEqual(self.run_.wait_for("worker.start", worker="calm", count=2)["pid"], pid)
        reason = "news \"of\" the day\nerror code=0"
        self.assertEqual(self.post("/control/hold", {"worker": "calm", "reason": reason}), (200, "ok\n"))
        self.assertEqual([(latch["worker"], latch["reason"]) for latch in self.box.json("status")["latches"]],
                         [("calm", reason)])
        status, body = self.post("/control/resume", {"reason": "over"})
        self.assertEqual((status, body.splitlines()[-1]), (200, "ok"))
        self.assertTrue(body.startswith("cleared worker=calm rule=hold"), body)
        self.assertEqual(self.box.json("status")["latches"], [])
        self.run_.wait_for("worker.output", worker="web", line="tradesup-web: restart worker=calm: ok")
        self.assertEqual([event for event in self.run_.events if TOKEN in str(event)], [])

    def test_what_the_supervisor_refuses(self):
        self.begin({})
        self.assertEqual(self.post("/control/restart", {"worker": "nobody"}),
                         (400, "nobody: no such worker or group\n"))
        self.assertEqual(self.post("/control/hold", {"worker": "a b", "reason": "r"}), (400, "a b: no such worker\n"))
        self.assertEqual(self.changed(), [])


class Refused(Control):
    def test_who_has_not_the_token(self):
        self.begin({"calm": misbehaving("calm")})
        for headers in ({"token": None}, {"token": ""}, {"token": TOKEN[:-1]}, {"token": TOKEN + "0"},
                        {"token": TOKEN + TOKEN}, {"token": TOKEN.upper()},
                        {"Authorization": "Basic " + TOKEN}, {"Authorization": TOKEN}):
            for path in ("/control/restart", "/control/hold", "/control/resume"):
                self.assertEqual(self.post(path, {"worker": "calm", "reason": "r"}, **headers),
                                 (401, "the token is needed\n"), headers)
        self.run_.wait_for("worker.output", worker="web", line=lambda text: "without the token" in text)
        self.assertEqual(self.changed(), [])

    def test_who_comes_from_elsewhere(self):
        self.begin({"calm": misbehaving("calm")})
        for headers, status in (({"Host": "evil.example"}, 421), ({"Host": None}, 421),
                                ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                                ({"Content_Type": "text/plain"}, 400), ({"Content_Type": "multipart/form-data"}, 400),
                                ({"Content_Type": FORM + "x"}, 400), ({"Content_Type": None}, 400),
                                ({"method": "GET"}, 405), ({"method": "HEAD"}, 405), ({"method": "PUT"}, 501),
                                ({"method": "OPTIONS"}, 501)):
            self.assertEqual(self.post("/control/hold", {"reason": "r"}, **headers)[0], status, headers)
        for path in ("/", "/metrics", "/events", "/control", "/control/", "/control/stop", "/control/hold/",
                     "//control/hold", "/control/../control/hold", "/CONTROL/HOLD"):
            self.assertEqual(self.post(path, {"reason": "r"})[0], 405, path)
        self.assertEqual(self.changed(), [])

    def test_forms_that_are_none(self):
        self.begin({"calm": misbehaving("calm")})
        for path, body in (
                ("/control/restart", ""), ("/control/restart", "worker="), ("/control/restart", "worker"),
                ("/control/restart", "reason=r"), ("/control/restart", "worker=calm&reason=r"),
                ("/control/restart", "worker=calm&worker=calm"), ("/control/restart", "worker=calm%00x"),
                ("/control/restart", "worker=calm\0x"), ("/control/restart", "worker=calm&x=1"),
                ("/control/restart", "WORKER=calm"), ("/control/restart", "group=root"), ("/control/restart", "=calm"),
                ("/control/restart", "worker=calm%0Ahold"), ("/control/restart", "worker=%ff%fe"),
                ("/control/restart", "&" * 4000), ("/control/hold", "worker=calm"), ("/control/resume", "reason=")):
            answer = raw(self.at, request(path, body))
            self.assertEqual(answer.split()[1], "400", (path, body, answer))
        self.assertEqual(raw(self.at, request("/control/restart", "worker=" + "a" * 5000)).split()[1], "413")
        for broken in (request("/control/hold", "reason=r", Content_Length="-1"),
                       request("/control/hold", "reason=r", Content_Length="99999999999999999999"),
                       request("/control/hold", "reason=r", Content_Length="900"), "POST /control/hold\r\n\r\n",
                       b"POST /control/hold HTTP/1.1\r\n" + b"\xff" * 9000):
            self.assertNotIn(" 200 ", raw(self.at, broken).split("\r\n", 1)[0] + " ")
        self.assertEqual(get(self.at, "/healthz")[0].status, 200)
        self.assertEqual(self.changed(), [])


class Off(Web):
    def test_without_a_token_there_is_nothing_of_it(self):
        port = self.begin({"calm": misbehaving("calm")})
        for path in ("/control/restart", "/control/hold", "/control/resume"):
            self.assertEqual(raw(port, request(path)).split()[1], "501")
            self.assertEqual(raw(port, request(path, "reason=r")).split()[1], "413")
            self.assertEqual(get(port, path)[0].status, 404)
        self.assertEqual(self.box.json("status")["latches"], [])

    def test_tokens_that_are_none(self):
        for name, text, mode in (("short", "a" * 31, 0o600), ("empty", "", 0o600), ("open", TOKEN, 0o644),
                                 ("blank", TOKEN + " " + TOKEN, 0o600), ("lines", TOKEN + "\n" + TOKEN, 0o600),
                                 ("long", "a" * 5000, 0o600), ("missing", None, 0)):
            path = os.path.join(self.box.path, name)
            if text is not None:
                os.chmod(self.box.file(name, text), mode)
            self.refused(path, *LISTEN, "--token-file", path)
        path = self.box.file("token", TOKEN)
        os.chmod(path, 0o600)
        for listen in ("0.0.0.0:0", "[::]:0"):
            self.refused("in the clear", "--listen", listen, "--host", "box.example", "--token-file", path)

    def refused(self, why, *arguments):
        result = subprocess.run([WEB, *arguments], stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
        self.assertEqual(result.returncode, EXIT_USAGE, arguments)
        self.assertIn(why, result.stderr)
        self.assertNotIn(TOKEN, result.stderr)


class HostileSupervisor:
    """A control socket that answers a request with what it is given, and without an end what it is to dribble."""

    def __init__(self, path):
        self.answer, self.dribble, self.dribbled = b"", b"", 0
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            with connection:
                try:
                    asked = connection.recv(4096)
                    if asked.startswith(b"hold"):
                        self.asked.set()
                        self.go_on.wait(TIMEOUT)
                    while asked.startswith(b"hold") and self.dribble:
                        connection.sendall(self.dribble)
                        self.dribbled += len(self.dribble)
                    connection.sendall(self.answer if asked.startswith(b"hold") else b"ok\n")
                except OSError:
                    pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Alone(Control):
    """tradesup-web beside a supervisor that is not its own."""

    def start_alone(self, control, *arguments, **environ):
        path = self.box.file("token", TOKEN)
        os.chmod(path, 0o600)
        web = subprocess.Popen([WEB, *LISTEN, "--control", control, "--token-file", path, *arguments],
                               env=dict(self.box.environ, **environ), stderr=subprocess.PIPE, text=True)
        self.addCleanup(web.stderr.close)
        self.addCleanup(web.wait, TIMEOUT)
        self.addCleanup(web.terminate)
        self.at = int(web.stderr.readline().rstrip("/\n").rsplit(":", 1)[1])
        return web


class Supervisors(Alone):
    def test_none_is_there(self):
        web = self.start_alone(os.path.join(self.box.path, "control"))
        self.assertEqual(self.post("/control/hold", {"reason": "r"}), (503, "the supervisor does not answer\n"))
        web.terminate()
        self.assertEqual(web.wait(TIMEOUT), EXIT_OK)

    def test_one_that_talks_nonsense(self):
        control = os.path.join(self.box.path, "control")
        hostile = HostileSupervisor(control)
        self.addCleanup(hostile.close)
        self.start_alone(control)
        for answer, status in ((b"", 503), (b"row a=1\n", 503), (b"= = =\n", 500), (b"a" * 70000, 500),
                               (b"error\n", 500), (b"error code=x message=<b>\n", 500),
                               (b"error code=69 message=later\n", 503), (b"row a=1\n" * 20000 + b"ok\n", 200)):
            hostile.answer = answer
            got, body = self.post("/control/hold", {"reason": "r"})
            self.assertEqual(got, status, (answer[:40], body[:80]))
            self.assertLess(len(body), 20000)

    def test_clients_that_leave_leave_nothing(self):
        control = os.path.join(self.box.path, "control")
        hostile = HostileSupervisor(control)
        self.addCleanup(hostile.close)
        web = self.start_alone(control)
        hostile.answer = b"ok\n"
        hostile.go_on.clear()
        with socket.create_connection(("127.0.0.1", self.at), TIMEOUT) as connection:
            connection.sendall(request("/control/hold", "reason=r").encode())
            self.assertTrue(hostile.asked.wait(TIMEOUT))
        hostile.go_on.set()
        self.assertEqual(self.post("/control/hold", {"reason": "r"}), (200, "ok\n"))
        web.terminate()
        self.assertEqual(web.wait(TIMEOUT), EXIT_OK)


class Waiting(Alone):
    """The supervisor takes its time: it is stopped, as if it waited for a disk."""

    MOST = 8
    WORKERS = ["n%d" % i for i in range(MOST)]

    def begin_waiting(self, **environ):
        """As many requests as may wait; those that ask."""
        self.box.write_config({name: {"command": ["sleep", "600"]} for name in self.WORKERS})
        self.run_ = self.box.start()
        self.run_.wait_for("supervisor.ready")
        # Few looks: what waits for the supervisor to be accepted is bounded, too.
        self.control = os.path.join(self.box.path, "run", "control")
        self.start_alone(self.control, "--interval", "1m", **environ)
        wait_until(lambda: get(self.at, "/healthz")[0].status == 200, "the first look")
        os.kill(self.run_.pid, signal.SIGSTOP)
        self.addCleanup(self.go_on)
        self.answers = [None] * self.MOST
        threads = [threading.Thread(target=self.ask, args=(i,), daemon=True) for i in range(self.MOST)]
        before = self.connections()
        for thread in threads:
            thread.start()
        wait_until(lambda: self.connections() >= before + self.MOST, "all of them to wait")
        return threads

    def ask(self, i):
        self.answers[i] = self.post("/control/hold", {"worker": self.WORKERS[i], "reason": "r"})

    def connections(self):
        """With the control socket, those that it has not taken yet among them."""
        with open("/proc/net/unix") as file:
            return sum(line.rstrip().endswith(" " + self.control) for line in file)

    def go_on(self):
        if self.run_.process.poll() is None:
            os.kill(self.run_.pid, signal.SIGCONT)

    def held(self):
        return sorted(event.get("worker", "") for event in self.run_.find("supervisor.hold"))

    def check_done(self):
        """Each of them has been done once, and there is room again."""
        wait_until(lambda: len(self.held()) >= self.MOST, "the supervisor to have done it")
        self.assertEqual(self.held(), self.WORKERS)
        self.assertEqual(self.post("/control/resume", {"reason": "over"})[0], 200)

    def test_one_more_than_may_wait_is_refused(self):
        threads = self.begin_waiting()
        self.assertEqual(self.post("/control/hold", {"reason": "more"}), (503, "too many wait already\n"))
        self.assertEqual(get(self.at, "/status.json")[0].status, 200)
        self.assertEqual(self.answers, [None] * self.MOST)
        self.go_on()
        for thread in threads:
            thread.join(TIMEOUT)
        self.assertEqual(self.answers, [(200, "ok\n")] * self.MOST)
        self.check_done()

    @unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
    def test_after_a_minute_the_answer_is_that_it_goes_on(self):
        clocks = self.box.file("clocks", bytes(16))
        threads = self.begin_waiting(LD_PRELOAD=CLOCKS, CLOCKS=clocks)
        self.assertEqual(self.answers, [None] * self.MOST)
        self.shift(clocks, 61)
        for thread in threads:
            thread.join(TIMEOUT)
        self.assertEqual(self.answers, [(503, "not done yet; the supervisor goes on with it\n")] * self.MOST)
        self.go_on()
        self.check_done()

    @unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
    def test_the_minute_is_that_of_the_whole_answer(self):
        control = os.path.join(self.box.path, "control")
        hostile = HostileSupervisor(control)
        self.addCleanup(hostile.close)
        clocks = self.box.file("clocks", bytes(16))
        self.start_alone(control, LD_PRELOAD=CLOCKS, CLOCKS=clocks)
        hostile.dribble = b"row a=%s\n" % (b"1" * 1000)
        self.answers = [None]
        thread = threading.Thread(target=self.ask, args=(0,), daemon=True)
        thread.start()
        self.assertTrue(hostile.asked.wait(TIMEOUT))
        for seconds in (40, 80):
            self.shift(clocks, seconds)
            # More than the socket holds: it has been read since.
            most = hostile.dribbled + (4 << 20)
            wait_until(lambda: hostile.dribbled > most or not thread.is_alive(), "it to be read")
        thread.join(TIMEOUT)
        hostile.dribble = b""
        status, body = self.answers[0]
        self.assertEqual((status, body.splitlines()[-1]), (503, "not done yet; the supervisor goes on with it"))

    @staticmethod
    def shift(clocks, seconds):
        """Its monotonic clock goes on by so much."""
        with open(clocks, "r+b") as file:
            file.write(struct.pack("=qq", 0, seconds * 10**9))


if __name__ == "__main__":
    harness.main()
