# SPDX-License-Identifier: Apache-2.0
"""Alerts on the real programs: a worker is killed, and who is told of it, over servers that fail,
stall and are not there, and over kills of what tells: nothing is lost, and nothing comes twice.
"""

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import data_standin
import harness
import real_broker
from alpaca_standin import Standin
from harness import (BUILD, EXIT_CONFIG, EXIT_OK, EXIT_USAGE, TRADESUP, Case, misbehaving, wait_until)

NOTIFY = os.path.join(BUILD, "tradesup-notify")
SMTP_SERVER = os.path.join(harness.TREE, "tests", "integration", "smtp_server.py")


class Receiver:
    """An HTTP server that takes messages, or does as its mode says."""

    def __init__(self, port=0):
        self.taken = []  # bodies, with the path and the headers, that were answered with 200
        self.begun = 0
        self.mode = "ok"
        self.let_go = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                receiver.begun += 1
                if receiver.mode == "stall":
                    receiver.let_go.wait(harness.TIMEOUT)
                    self.close_connection = True
                    return
                if receiver.mode == "fail":
                    self.send_response(503)
                    self.end_headers()
                    return
                receiver.taken.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that was killed
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path=""):
        return "http://127.0.0.1:%d/%s" % (self.port, path)

    def messages(self):
        return [json.loads(body) for path, _, body in list(self.taken) if path == "/hook"]

    def close(self):
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


class AlertCase(Case):
    def setUp(self):
        super().setUp()
        if not os.access(NOTIFY, os.X_OK):
            self.skipTest("tradesup-notify is not built")
        self.receiver = Receiver()
        self.addCleanup(lambda: self.receiver.close())

    def write(self, alerts, targets=None, notify=None, workers=("victim",), supervisor=None):
        self.workers = workers
        sections = {name: misbehaving("calm", heartbeat="60s", cycle_timeout="0") for name in workers}
        sections["notify"] = {"command": [TRADESUP, "alert", "run", "-c", self.box.config],
                              "restart_delay": "1ms", "restart_delay_max": "1ms", "heartbeat": "10s"}
        self.box.write_config(sections, dict({"intensity": "1000"}, **(supervisor or {})))
        lines = [harness.config_section("notify", dict({"group_wait": "0"}, **(notify or {})))]
        targets = targets or {"ops": {"webhook": self.receiver.url("hook")}}
        lines += [harness.config_section("target " + name, keys) for name, keys in targets.items()]
        lines += [harness.config_section("alert " + name, keys) for name, keys in alerts.items()]
        with open(self.box.config, "a") as file:
            file.write("\n".join(lines) + "\n")

    def start(self):
        run = self.box.start()
        for worker in ("notify", *self.workers):
            run.wait_for("worker.ready", worker=worker)
        return run

    def kill(self, run, worker="victim"):
        """Kill a worker, and wait until it lives again."""
        since = run.position()
        os.kill(run.worker_pid(worker), signal.SIGKILL)
        run.wait_for("worker.ready", since=since, worker=worker)

    def wait_for_messages(self, count=1):
        return wait_until(lambda: len(self.receiver.messages()) >= count and self.receiver.messages(),
                          "%d messages" % count)

    def queued(self):
        directory = os.path.join(self.box.state, ".alerts", "queue")
        return os.listdir(directory) if os.path.isdir(directory) else []


    def messages_of(self, count, event, worker):
        """The first message, and the one of its end, by name."""
        messages = self.wait_for_messages(count)[:count]
        self.assertEqual([message["title"] for message in messages],
                         ["%s: it (%s)" % (state, worker) for state in ("FIRING", "RECOVERED")[:count]])
        self.assertIn(event, messages[0]["text"])
        return messages


RESTART = {"when": "restart", "worker": "victim", "over": "1h", "to": ["ops"]}


class Told(AlertCase):
    def test_once_with_its_recovery(self):
        self.write({"dies": dict(RESTART, over="5s")})
        run = self.start()
        self.kill(run)
        first, last = self.wait_for_messages(2)
        self.assertEqual((first["state"], first["title"]), ("firing", "FIRING: dies (victim)"))
        self.assertIn("1 restarts since ", first["text"])
        self.assertIn("self_healing.worker_thread_restart worker=victim", first["text"])
        self.assertEqual((last["state"], last["title"]), ("recovered", "RECOVERED: dies (victim)"))
        self.assertNotEqual(first["id"], last["id"])
        self.assertEqual((first["repeat"], first["urgent"]), (False, False))
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(len(self.receiver.messages()), 2)

    def test_at_the_limit(self):
        self.write({"dies": dict(RESTART, at_least="2")})
        run = self.start()
        self.kill(run)
        self.kill(run)
        message, = self.wait_for_messages()
        self.assertIn("2 restarts since ", message["text"])

    def test_below_the_limit_is_nothing(self):
        self.write({"dies": dict(RESTART, at_least="3"), "sentinel": dict(RESTART, worker="other")},
                   workers=("victim", "other"))
        run = self.start()
        self.kill(run)
        self.kill(run)
        self.kill(run, "other")
        message, = self.wait_for_messages()
        self.assertEqual(message["title"], "FIRING: sentinel (other)")

    def test_kinds_of_target(self):
        out = os.path.join(self.box.path, "out")
        script = 'cat > %s.new; env | grep ^TRADESUP_ALERT_ | sort >> %s.new; mv %s.new %s' % (out, out, out, out)
        self.box.file("token", "abc123\n")
        self.write({"dies": dict(RESTART, to=["slack", "ntfy", "command", "template"], urgent="yes")}, {
            "slack": {"slack": self.receiver.url("slack")},
            "ntfy": {"ntfy": self.receiver.url("ntfy"), "token_file": "token"},
            "command": {"command": ["sh", "-c", script]},
            "template": {"webhook": "file:" + self.box.file("url", self.receiver.url("own") + "\n"),
                         "template": '{"content": "{{state}}: {{title}}"}'}})
        run = self.start()
        self.kill(run)
        wait_until(lambda: len(self.receiver.taken) == 3 and os.path.exists(out), "all of them")
        got = {path: (headers, body.decode()) for path, headers, body in self.receiver.taken}
        self.assertIn("FIRING: dies (victim)\n", json.loads(got["/slack"][1])["text"])
        headers, body = got["/ntfy"]
        self.assertEqual((headers["Title"], headers["Priority"], headers["Authorization"]),
                         ("FIRING: dies (victim)", "urgent", "Bearer abc123"))
        self.assertTrue(body.startswith("FIRING dies (victim): 1 restarts since "), body)
        self.assertEqual(json.loads(got["/own"][1]), {"content": "firing: FIRING: dies (victim)"})
        with open(out) as file:
            text = file.read()
        self.assertIn("FIRING dies (victim): ", text)
        self.assertIn("TRADESUP_ALERT_TITLE=FIRING: dies (victim)\n", text)
        wait_until(lambda: not self.queued(), "an empty queue")

    def test_an_escalation_goes_out_before_the_end(self):
        self.write({"ends": {"when": "escalate", "to": ["ops"]}}, supervisor={"intensity": "0"},
                   notify={"quiet": "00:00-23:59", "group_wait": "1h"})
        run = self.start()
        os.kill(run.worker_pid("victim"), signal.SIGKILL)
        self.assertEqual(run.wait(), harness.EXIT_ESCALATED)
        message = self.receiver.messages()[0]
        self.assertEqual((message["state"], message["urgent"]), ("firing", True))
        self.assertIn("group.escalate", message["text"])

    def test_the_supervisor_tells_of_its_end(self):
        out = os.path.join(self.box.path, "last")
        script = 'echo "$TRADESUP_WORKER $TRADESUP_EXIT" > ' + out
        for command, fields in ((["sh", "-c", script], {"outcome": "success", "status": 0}),
                                (["sh", "-c", "exit 3"], {"outcome": "failed", "status": 3}),
                                (["/nowhere"], {"outcome": "failed", "why": "exec"})):
            with self.subTest(command[-1]):
                self.write({"dies": RESTART}, supervisor={"intensity": "0", "on_escalate": command})
                run = self.start()
                os.kill(run.worker_pid("victim"), signal.SIGKILL)
                self.assertEqual(run.wait(), harness.EXIT_ESCALATED)
                self.assertEqual(run.count("supervisor.on_escalate", **fields), 1, run.tail())
        with open(out) as file:
            self.assertEqual(file.read(), "victim 70\n")

    def test_ping(self):
        self.write({"dies": RESTART}, notify={"ping": self.receiver.url("ping"), "ping_every": "1s"})
        self.start()
        wait_until(lambda: [path for path, _, _ in self.receiver.taken].count("/ping") >= 2, "pings")

    def test_reload(self):
        self.write({"dies": dict(RESTART, at_least="50")})
        run = self.start()
        self.write({"dies": dict(RESTART, at_least="1")})
        result = self.box.call("reload")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        run.wait_for("supervisor.reload")
        self.kill(run)
        self.assertEqual(self.wait_for_messages()[0]["title"], "FIRING: dies (victim)")
        self.assertEqual(run.count("worker.start", worker="notify"), 1)


class Trading(AlertCase):
    """What a trading worker can get into, on the real one."""

    def write_trading(self, alert, worker):
        self.write({"it": dict({"to": ["ops"], "worker": "flow"}, **alert)}, workers=())
        with open(self.box.config, "a") as file:
            file.write(harness.config_section("worker flow", worker) + "\n")

    def test_a_feed_that_stops(self):
        server = data_standin.DataServer(data_standin.trades(1, 20000), step=0)
        self.addCleanup(server.close)
        self.write_trading({"when": "stale", "over": "1s"}, {"trading": {
            "cycle": "10ms", "feed": "alpaca", "alpaca": {"rate": "10000"}, "alpaca_data": {
                "base_url": server.url, "symbols": ["S0", "S1", "S2", "S3"], "interval": "10ms", "feed_max_age": "1s"}}})
        self.box.environ.update(APCA_API_KEY_ID=data_standin.KEY_ID, APCA_API_SECRET_KEY=data_standin.SECRET)
        run = self.start()
        text = self.messages_of(1, "feed.stale worker=flow ", "flow")[0]["text"]
        self.assertIn("FIRING it (flow): stale feed since ", text)
        with server.lock:
            server.step = server.visible = 1  # one more with each answer
        run.wait_for("feed.recovered", worker="flow")
        self.messages_of(2, "feed.stale", "flow")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_a_position_that_nobody_can_explain(self):
        standin = Standin(key=real_broker.KEY).start()
        self.addCleanup(standin.stop)
        standin.book.place({"symbol": "TSLA", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"},
                           plan="instant")
        standin.book.orders.clear()
        for name, value in zip(("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"), real_broker.KEY):
            self.box.environ[name] = value
        path = self.box.file("trades.csv", real_broker.rounds_csv(0, 0))
        section = real_broker.alpaca_section(standin.url, path)
        section["file"]["follow"] = "yes"
        self.write_trading({"when": "mismatch", "over": "1h"}, {"trading": dict(section, cycle="10ms")})
        run = self.start()
        text = self.messages_of(1, "order.mismatch worker=flow symbol=TSLA journal=0.00000000 broker=3.00000000", "flow")[0]["text"]
        self.assertIn("FIRING it (flow): 1 orders that do not match the broker's since ", text)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(len(self.receiver.messages()), 1)

    def check_silent(self, mode):
        self.write_trading({"when": "silent", "over": "1s"},
                           misbehaving(mode, heartbeat="60s", cycle_timeout="0", failed_cycles="0"))
        run = self.start()
        text = self.messages_of(1, "worker=flow state=up", "flow")[0]["text"]
        self.assertIn("FIRING it (flow): no good cycle since ", text)
        self.kill(run, "flow")
        self.messages_of(2, "worker=flow", "flow")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_a_worker_that_stands_still(self):
        self.check_silent("stuck_until_killed")

    def test_a_worker_that_only_fails(self):
        self.check_silent("failing_until_killed")


class Troubled(AlertCase):
    def test_a_server_that_fails_and_recovers(self):
        self.receiver.mode = "fail"
        self.write({"dies": RESTART})
        run = self.start()
        self.kill(run)
        wait_until(lambda: self.receiver.begun >= 2, "a second attempt")
        self.assertIn("status 503", wait_until(
            lambda: [line for line in self.box.call("status", "notify").stdout.splitlines() if "503" in line],
            "the reason in the status")[0])
        self.receiver.mode = "ok"
        self.assertEqual(len(self.wait_for_messages()), 1)
        wait_until(lambda: not self.queued(), "an empty queue")
        self.kill(run)
        run.stop()
        self.assertEqual(len(self.receiver.messages()), 1)

    def test_a_server_that_stalls_is_left_at_the_deadline(self):
        self.receiver.mode = "stall"
        self.write({"dies": RESTART}, {"ops": {"webhook": self.receiver.url("hook"), "timeout": "1s"}})
        run = self.start()
        self.kill(run)
        wait_until(lambda: self.receiver.begun >= 2, "a second attempt")
        self.receiver.mode = "ok"
        message = self.wait_for_messages()[0]
        self.assertTrue(message["repeat"])

    def test_no_server_and_the_end_of_everything(self):
        port = self.receiver.port
        self.write({"dies": RESTART})
        self.receiver.close()
        run = self.start()
        self.kill(run)
        wait_until(self.queued, "a message in the queue")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(len(self.queued()), 1)
        self.receiver = Receiver(port)
        run = self.start()
        self.assertEqual(self.wait_for_messages()[0]["title"], "FIRING: dies (victim)")
        wait_until(lambda: not self.queued(), "an empty queue")
        run.stop()
        self.assertEqual(len(self.receiver.messages()), 1)

    def test_killed_while_the_server_stalls(self):
        self.receiver.mode = "stall"
        self.write({"dies": RESTART})
        run = self.start()
        self.kill(run)
        wait_until(lambda: self.receiver.begun == 1, "an attempt")
        self.receiver.mode = "ok"
        self.kill(run, "notify")
        message, = self.wait_for_messages()
        self.assertTrue(message["repeat"], "it may have been taken before")
        wait_until(lambda: not self.queued(), "an empty queue")
        # Known over the kill: the same events come again from the supervisor.
        self.kill(run, "notify")
        self.kill(run)
        run.stop()
        self.assertEqual(len(self.receiver.messages()), 1)

    def test_kills_at_any_moment(self):
        workers = ["w%d" % i for i in range(8)]
        self.write({"any": {"when": "restart", "over": "1h", "to": ["ops"]}}, workers=workers,
                   notify={"rate": "64"})
        run = self.start()
        for i, worker in enumerate(workers):
            self.kill(run, worker)
            threading.Event().wait(0.07 * i)  # somewhere else each time; nothing depends on it
            self.kill(run, "notify")
        self.kill(run, workers[0])

        def lines():
            ids, found = set(), []
            for message in self.receiver.messages():
                if message["id"] in ids:
                    self.assertTrue(message["repeat"], message)
                    continue
                ids.add(message["id"])
                found += [line.split(":")[0] for line in message["text"].splitlines()
                          if "(notify)" not in line]
            return found

        wait_until(lambda: len(lines()) >= len(workers) and not self.queued(), "all to be told")
        run.stop()
        self.assertEqual(sorted(lines()), ["FIRING any (%s)" % worker for worker in workers])


class Verbs(AlertCase):
    def test_test(self):
        self.write({"dies": RESTART})
        result = self.box.call("alert", "test")
        self.assertEqual((result.returncode, result.stdout), (EXIT_OK, "ops: delivered\n"), result.stderr)
        self.assertEqual(self.receiver.messages()[0]["state"], "test")
        self.receiver.mode = "fail"
        result = self.box.call("alert", "test", "ops")
        self.assertEqual((result.returncode, result.stdout), (1, "ops: FAILED: status 503\n"))
        self.assertEqual(self.box.call("alert", "test", "nobody").returncode, EXIT_USAGE)
        self.assertEqual(self.box.call("alert", "nonsense").returncode, EXIT_USAGE)
        self.assertEqual(self.box.call("alert", "ack").returncode, EXIT_USAGE)

    def test_what_keeps_a_message_back_is_told(self):
        self.write({"dies": RESTART}, {
            "ops": {"webhook": self.receiver.url("hook"), "template": "{ no json"},
            "phone": {"ntfy": self.receiver.url("x"), "token_file": "missing"},
            "call": {"command": ["sh", "-c", "exit 3"]},
            "long": {"command": ["sleep", "1000"], "timeout": "200ms"}})
        result = self.box.call("alert", "test")
        self.assertEqual(result.returncode, 1)
        for words in ("ops: FAILED: target ops: template: is no JSON",
                      "phone: FAILED: target phone: token_file: ", "call: FAILED: the command ended with 3",
                      "long: FAILED: the command took too long"):
            self.assertIn(words, result.stdout)

    def test_list_and_ack(self):
        self.write({"dies": dict(RESTART, repeat="1s"), "other": dict(RESTART, at_least="60")})
        run = self.start()
        self.assertEqual([a["state"] for a in self.box.json("alert", "list")["alerts"]], ["ok", "ok"])
        self.assertEqual(self.box.call("alert", "ack", "dies").returncode, 1)
        self.kill(run)
        self.wait_for_messages(3)  # it repeats
        listed = self.box.json("alert", "list")
        self.assertEqual([(a["alert"], a["state"], a.get("worker")) for a in listed["alerts"]],
                         [("dies", "firing", "victim"), ("other", "ok", None)])
        result = self.box.call("alert", "ack", "dies")
        self.assertEqual((result.returncode, result.stdout), (EXIT_OK, "dies: acknowledged\n"), result.stderr)
        wait_until(lambda: self.box.json("alert", "list")["alerts"][0]["state"] == "acknowledged",
                   "that it is taken up")
        self.assertIn("acknowledged", self.box.call("alert", "list").stdout)
        wait_until(lambda: not self.queued(), "an empty queue")
        self.kill(run, "notify")
        self.assertEqual(self.box.json("alert", "list")["alerts"][0]["state"], "acknowledged")

    def test_without_alerts(self):
        self.box.write_config({"victim": misbehaving("calm")})
        result = self.box.call("alert", "list")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn("has no alert", result.stderr)


def python_with_aiosmtpd():
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run(
                [python, "-c", "import aiosmtpd"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return python
    return None


PYTHON = python_with_aiosmtpd()


@unittest.skipUnless(PYTHON, "python3-aiosmtpd is not installed")
class Mail(AlertCase):
    def certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        "key.pem", "-out", "cert.pem"], cwd=self.box.path, check=True,
                       stderr=subprocess.DEVNULL)

    def serve(self, kind):
        self.certificate()
        server = subprocess.Popen([PYTHON, SMTP_SERVER, "cert.pem", "key.pem", self.box.path, kind],
                                  cwd=self.box.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  env=dict(self.box.environ, PYTHONWARNINGS="ignore"))
        self.addCleanup(lambda: (server.kill(), server.wait(), server.stdin.close(), server.stdout.close()))
        return int(server.stdout.readline())

    def target(self, url, **keys):
        self.box.file("password", "the secret\n")
        return {"ops": dict({"smtp": url, "from": "tradesup@example.com", "user": "tradesup",
                             "to": ["ops@example.com", "night@example.com"],
                             "password_file": "password", "ca_file": "cert.pem"}, **keys)}

    def read(self, number=1):
        path = os.path.join(self.box.path, "mail-%d" % number)
        wait_until(lambda: os.path.exists(path), "a mail")
        with open(path, "rb") as file:
            envelope, _, content = file.read().partition(b"\n")
        return envelope.decode(), content

    def test_a_mail(self):
        port = self.serve("tls")
        self.write({"dies": RESTART}, self.target("smtps://localhost:%d" % port))
        run = self.start()
        self.kill(run)
        envelope, content = self.read()
        self.assertEqual(envelope, "tradesup@example.com ops@example.com,night@example.com")
        mail = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual(mail["Subject"], "FIRING: dies (victim)")
        self.assertEqual(mail["From"], "tradesup <tradesup@example.com>")
        self.assertEqual([a.addr_spec for a in mail["To"].addresses], ["ops@example.com", "night@example.com"])
        self.assertIsNotNone(mail["Date"].datetime)
        self.assertRegex(mail["Message-ID"], r"^<ops\.\d+@[A-Za-z0-9.-]+>$")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertIn("FIRING dies (victim): 1 restarts since ", mail.get_content())
        self.assertEqual(mail.defects, [])
        self.assertTrue(all(len(line) <= 78 for line in content.split(b"\r\n")), content)
        wait_until(lambda: not self.queued(), "an empty queue")

    def test_starttls_and_what_is_refused(self):
        port = self.serve("starttls")
        url = "smtp://localhost:%d" % port
        self.write({"dies": RESTART}, self.target(url))
        self.assertEqual(self.box.call("alert", "test").stdout, "ops: delivered\n")
        self.read()
        target = self.target(url)
        del target["ops"]["ca_file"]
        self.write({"dies": RESTART}, target)
        self.assertRegex(self.box.call("alert", "test").stdout, "ops: FAILED: .*certificate")
        target = self.target(url)
        self.box.file("password", "wrong\n")
        self.write({"dies": RESTART}, target)
        self.assertRegex(self.box.call("alert", "test").stdout, "ops: FAILED: Login denied")


if __name__ == "__main__":
    harness.main()
