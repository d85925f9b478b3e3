# SPDX-License-Identifier: Apache-2.0
"""tradesup-web: what it says is what the supervisor says, to whom it may say it, and no
client costs more than itself.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

import harness
from harness import BUILD, Case, EXIT_OK, EXIT_USAGE, TIMEOUT, TREE, misbehaving, wait_until

WEB = os.path.join(BUILD, "tradesup-web")
PROMTOOL = shutil.which("promtool")
RULES = os.path.join(TREE, "etc", "prometheus", "tradesup.rules.yml")


def web_worker(**settings):
    return dict({"command": ["tradesup-web", "--listen", "127.0.0.1:0", "--interval", "100ms"]}, **settings)


def get(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()
    finally:
        connection.close()


class Stream:
    """A client of /events."""

    def __init__(self, port, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self.connection.request("GET", "/events", headers=headers)
        self.answer = self.connection.getresponse()

    def read(self):
        """The next message, as {field: value}."""
        fields = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line and fields:
                return fields
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value

    def wait_for(self, **wanted):
        """The next event with these fields; its message has its id."""
        while True:
            message = self.read()
            if message["event"] == "happened":
                data = json.loads(message["data"])
                if all(str(data.get(key)) == value for key, value in wanted.items()):
                    return message

    def close(self):
        self.answer.close()
        self.connection.close()


class Web(Case):
    def begin(self, workers):
        self.box.write_config(dict(workers, web=web_worker()))
        self.run_ = self.box.start()
        return self.port()

    def port(self):
        line = self.run_.wait_for("worker.output", worker="web", line=lambda text: "listens on" in text)["line"]
        return int(re.search(r":(\d+)/", line).group(1))

    def wait_for_sample(self, port, sample):
        return wait_until(lambda: sample in get(port, "/metrics")[1].splitlines(), "the sample " + sample)


class Metrics(Web):
    def test_they_are_what_happened(self):
        port = self.begin({"calm": misbehaving("calm"), "once": {"command": ["true"], "restart": "transient"}})
        self.wait_for_sample(port, 'tradesup_worker_up{worker="once"} 0')
        self.wait_for_sample(port, 'tradesup_worker_up{worker="calm"} 1')
        os.kill(self.run_.worker_pid("calm"), signal.SIGKILL)
        self.wait_for_sample(port, 'tradesup_worker_restarts_total{worker="calm"} 1')
        self.wait_for_sample(port, 'tradesup_events_total{worker="calm",event="worker.exit"} 1')
        self.wait_for_sample(
            port, 'tradesup_heals{worker="calm",level="3",kind="crash",outcome="success"} 1')
        text = get(port, "/metrics")[1]
        good = int(re.search(r'cycles_total\{worker="calm",outcome="good"\} (\d+)', text).group(1))
        count = int(re.search(r'duration_seconds_count\{worker="calm"\} (\d+)', text).group(1))
        self.assertGreater(good, 0)
        self.assertEqual(count, good)
        self.assertIn("\ntradesup_up 1\n", text)
        self.assertRegex(text, r'tradesup_worker_open_fds\{worker="calm"\} [1-9]')
        self.assertRegex(text, r'tradesup_worker_good_cycle_age_seconds\{worker="calm"\} \d')

    def test_figures_that_are_none_leave_no_trace(self):
        port = self.begin({"lies": misbehaving("figures_garbage")})
        self.wait_for_sample(port, 'tradesup_equity{worker="lies"} 7')
        self.assertNotIn("<b>", get(port, "/metrics")[1])
        self.assertEqual(json.loads(get(port, "/history.json")[1])["workers"][0]["minutes"][0][1:],
                         ["7.00000000", None, None])

    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_promtool_takes_them(self):
        port = self.begin({"good": misbehaving("figures")})
        self.wait_for_sample(port, 'tradesup_positions{worker="good"} 2')
        text = get(port, "/metrics")[1]
        check = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True, check=False,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((check.returncode, check.stdout), (0, ""))


@unittest.skipUnless(PROMTOOL, "promtool is not installed")
class Rules(unittest.TestCase):
    def promtool(self, *arguments):
        result = subprocess.run([PROMTOOL, *arguments], text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_they_are_clean(self):
        self.promtool("check", "rules", RULES)

    def test_they_fire_when_they_should(self):
        self.promtool("test", "rules", os.path.join(TREE, "tests", "data", "tradesup.rules.test.yml"))

    def test_every_alert_is_tested(self):
        with open(RULES) as file:
            alerts = set(re.findall(r"alert: (\w+)", file.read()))
        with open(os.path.join(TREE, "tests", "data", "tradesup.rules.test.yml")) as file:
            self.assertEqual(alerts - set(re.findall(r"alertname: (\w+)", file.read())), set())


class Health(Web):
    def test_ready_follows_workers_and_latches(self):
        port = self.begin({"calm": {"command": ["sleep", "600"]}})
        wait_until(lambda: get(port, "/readyz")[0].status == 200, "readiness")
        self.assertEqual(get(port, "/healthz")[1], "ok\n")
        self.assertEqual(self.box.call("hold", "--reason", "test").returncode, EXIT_OK)
        wait_until(lambda: get(port, "/readyz")[1] == "orders are held\n", "the latch to show")
        self.assertEqual(get(port, "/readyz")[0].status, 503)
        self.assertEqual(self.box.call("resume", "--reason", "test").returncode, EXIT_OK)
        wait_until(lambda: get(port, "/readyz")[0].status == 200, "readiness")
        self.assertEqual(self.box.call("stop", "calm").returncode, EXIT_OK)
        wait_until(lambda: get(port, "/readyz")[1] == "worker calm is down\n", "the worker's end to show")

    def test_status_is_that_of_the_verb(self):
        port = self.begin({"calm": misbehaving("calm")})
        status = wait_until(lambda: json.loads(get(port, "/status.json")[1])["workers"], "the first look")
        self.assertEqual([(w["name"], w["pid"]) for w in status],
                         [(name, self.run_.worker_pid(name)) for name in ("calm", "web")])


    def test_healing_by_the_minute_outlives_a_flood(self):
        port = self.begin({"heals": misbehaving("heals"), "flood": misbehaving("tells_much")})

        def healing():
            return [sum(column) for column in zip(*json.loads(get(port, "/status.json")[1])["healing"])][1:]

        wait_until(lambda: healing() == [3, 0, 1], "what was healed, and what relapsed")
        self.assertEqual(self.run_.count("self_healing.relapsed"), 1)
        # More events than anybody keeps.
        wait_until(lambda: self.run_.count("order.told") > 2000, "a flood")
        self.box.call("stop", "flood")
        os.kill(self.run_.worker_pid("heals"), signal.SIGKILL)
        wait_until(lambda: healing() == [6, 1, 2], "a restart and all of it again, and what was before")


class Guard(Web):
    def test_who_may_ask(self):
        port = self.begin({})
        for headers, status in (({"Host": "localhost:%d" % port}, 200), ({"Host": "evil.example"}, 421),
                                ({"Origin": "http://localhost:1"}, 200), ({"Origin": "http://evil.example"}, 403),
                                ({"Origin": "null"}, 403)):
            for path in ("/", "/metrics", "/events" if status != 200 else "/status.json"):
                answer = get(port, path, **headers)[0]
                self.assertEqual(answer.status, status, (headers, path))
                self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
                self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])

    def test_nothing_but_reading(self):
        port = self.begin({})
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
            self.assertGreaterEqual(get(port, "/", method)[0].status, 400, method)
        self.assertEqual(get(port, "/", "HEAD")[1], "")
        self.assertEqual(get(port, "/../../etc/passwd")[0].status, 404)
        self.assertEqual(get(port, "/", **{"X-Long": "a" * 20000})[0].status, 400)

    def test_other_machines_only_by_name(self):
        for listen in ("0.0.0.0:0", "[::]:0", "nowhere", "unix:", "localhost:80"):
            result = subprocess.run([WEB, "--listen", listen], stderr=subprocess.PIPE, text=True,
                                    timeout=TIMEOUT, check=False)
            self.assertEqual(result.returncode, EXIT_USAGE, listen)
            self.assertIn(listen, result.stderr)


class Streams(Web):
    def test_it_tells_what_happens_and_again_after_an_id(self):
        port = self.begin({"calm": misbehaving("calm")})
        stream = Stream(port)
        self.addCleanup(stream.close)
        ready = stream.wait_for(event="worker.ready", worker="calm")
        os.kill(self.run_.worker_pid("calm"), signal.SIGKILL)
        ended = stream.wait_for(event="worker.exit", worker="calm")
        again = Stream(port, **{"Last-Event-ID": ready["id"]})
        self.addCleanup(again.close)
        while True:
            message = again.read()
            self.assertNotEqual(message.get("id"), ready["id"], "told once more")
            if message.get("id") == ended["id"]:
                break

    def test_clients_that_leave_leave_nothing(self):
        port = self.begin({})
        for _ in range(3):
            stream = Stream(port)
            stream.read()
            stream.close()
        self.wait_for_sample(port, "tradesup_web_streams 0")
        stays = Stream(port)
        self.addCleanup(stays.close)
        stays.read()
        self.assertEqual(self.run_.stop(), EXIT_OK)
        # The sanitizer build ends with another status if something is lost.
        self.assertEqual(self.run_.wait_for("worker.stop", worker="web").get("status"), 0)

    def test_one_that_does_not_read_is_dropped(self):
        port = self.begin({"flood": misbehaving("tells_much")})
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.connect(("127.0.0.1", port))
            lazy.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.wait_for_sample(port, "tradesup_web_streams_dropped_total 1")
        self.wait_for_sample(port, "tradesup_web_streams 0")

    def test_many_are_too_many(self):
        port = self.begin({})
        streams = [Stream(port) for _ in range(16)]
        for stream in streams:
            self.addCleanup(stream.close)
        self.assertEqual(get(port, "/events")[0].status, 503)
        self.assertEqual(get(port, "/healthz")[0].status, 200)
        streams[0].close()
        self.wait_for_sample(port, "tradesup_web_streams 15")

    def test_idle_connections_are_bounded(self):
        port = self.begin({})
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for connection in idle:
            self.addCleanup(connection.close)
        wait_until(lambda: harness.open_descriptors(self.run_.worker_pid("web")) >= 90, "them to be taken")
        self.assertLess(harness.open_descriptors(self.run_.worker_pid("web")), 128)
        for connection in idle:
            connection.close()
        wait_until(lambda: get(port, "/healthz")[0].status == 200, "an answer again")
        self.assertEqual(self.run_.count("worker.hang"), 0)


class Supervised(Web):
    def test_an_address_that_is_taken_restarts_nothing(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            command = ["tradesup-web", "--listen", "127.0.0.1:%d" % port, "--interval", "100ms"]
            self.box.write_config({"web": web_worker(command=command)})
            self.run_ = self.box.start()
            self.run_.wait_for("worker.output", line=lambda text: "Address already in use" in text)
            wait_until(lambda: self.box.json("status")["workers"][0].get("cycle", 0) > 10, "cycles")
        self.assertEqual(self.port(), port)
        self.assertEqual(self.run_.count("worker.exit"), 0)

    def test_it_outlives_a_supervisor_that_is_not_its_own(self):
        self.box.write_config({"calm": misbehaving("calm")})
        control = os.path.join(self.box.path, "run", "control")
        path = os.path.join(self.box.path, "web.sock")
        web = subprocess.Popen([WEB, "--listen", "unix:" + path, "--control", control, "--interval", "100ms"],
                               env=self.box.environ, stderr=subprocess.DEVNULL)
        self.addCleanup(web.wait)
        self.addCleanup(web.terminate)
        wait_until(lambda: self.listens(path), "its socket")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
        self.assertEqual(self.ask(path, "/healthz"), 503)
        for _ in range(2):
            self.run_ = self.box.start()
            wait_until(lambda: self.ask(path, "/healthz") == 200, "the supervisor to answer")
            self.run_.stop()
            wait_until(lambda: self.ask(path, "/healthz") == 503, "its end to show")
        web.terminate()
        self.assertEqual(web.wait(TIMEOUT), EXIT_OK)
        self.assertFalse(os.path.exists(path))

    @staticmethod
    def listens(path):
        """A socket is there, by its name, before it is listened on."""
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(path) == 0

    def ask(self, path, page):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(path)
            connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % page.encode())
            return int(connection.recv(64).split()[1])


if __name__ == "__main__":
    harness.main()
