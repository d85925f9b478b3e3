# SPDX-License-Identifier: Apache-2.0
"""Workers that tell nothing: when they count as ready, and the probe of their life. Among
them a real program that knows sd_notify and, told otherwise, says nothing at all.
"""

import http.server
import os
import shutil
import signal
import socket
import sys
import threading
import unittest

import harness
from harness import EXIT_OK, Case, wait_until

QUICK = {"heartbeat": "0s", "restart_delay": "10ms", "restart_delay_max": "10ms"}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def python(script):
    return [sys.executable, "-S", "-c", script]


LISTEN = """
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: signal.pause()
"""


class Watched(Case):
    def start(self, command, lines="", **settings):
        """@lines: what a section cannot say as keys and values."""
        section = harness.config_section("worker quiet", dict(QUICK, command=command, **settings))
        self.box.write_config({"other": {"command": ["sleep", "1000000"], "heartbeat": "0s"}})
        with open(self.box.config, "a", encoding="utf-8") as file:
            file.write(section[:-1] + lines + "\n}\n")
        return self.box.start()

    def state(self):
        return next(w["state"] for w in self.box.json("status")["workers"] if w["name"] == "quiet")


class Ready(Watched):
    def test_port(self):
        port = free_port()
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        run = self.start(python("open(%r).read()\n" % gate + LISTEN) + [str(port)],
                         "ready = port 127.0.0.1:%d" % port)
        run.wait_for("worker.start", worker="quiet")
        wait_until(lambda: self.state() == "starting", "the state")
        self.assertEqual(run.count("worker.ready", worker="quiet"), 0)
        with open(gate, "w"):
            pass
        run.wait_for("worker.ready", worker="quiet")
        self.assertEqual(self.state(), "up")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_start_timeout(self):
        run = self.start(["sleep", "1000000"], "ready = port 127.0.0.1:%d" % free_port(),
                         start_timeout="200ms")
        hang = run.wait_for("worker.hang", worker="quiet")
        self.assertEqual(hang["why"], "not ready in time")
        run.wait_for("worker.start", worker="quiet", count=2)

    def test_file_of_this_life(self):
        """One that an earlier life left behind does not count."""
        ready = os.path.join(self.box.path, "quiet.ready")
        gate = os.path.join(self.box.path, "gate")
        os.mkfifo(gate)
        script = "import signal\nopen(%r).read()\nopen(%r, 'w').close()\nsignal.pause()" % (gate, ready)
        run = self.start(python(script), "ready = file quiet.ready")
        for life in (1, 2):
            run.wait_for("worker.start", worker="quiet", count=life)
            wait_until(lambda: self.state() == "starting", "the state")
            self.assertEqual(run.count("worker.ready", worker="quiet"), life - 1)
            with open(gate, "w"):
                pass
            run.wait_for("worker.ready", worker="quiet", count=life)
            os.kill(run.worker_pid("quiet"), signal.SIGKILL)

    def test_log(self):
        script = "import signal\nprint('starting up', flush=True)\n" \
                 "print('Listening on port 80', flush=True)\nsignal.pause()"
        run = self.start(python(script), 'ready = log "^Listening on .*[0-9]+$"')
        ready = run.wait_for("worker.ready", worker="quiet")
        self.assertEqual(run.count("worker.ready", worker="quiet"), 1)
        run.wait_for("worker.output", line="Listening on port 80")
        self.assertLess(run.events.index(run.find("worker.output", line="starting up")[0]),
                        run.events.index(ready))

    def test_what_waits_goes_with_the_worker(self):
        run = self.start(["sleep", "1000000"], "ready = port 127.0.0.1:%d" % free_port())
        wait_until(lambda: self.waiting(), "the program that waits")
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(), EXIT_OK)
        wait_until(lambda: not self.box.leftovers(), "its end")

    def waiting(self):
        return [pid for pid in self.box.leftovers()
                if b"tradesup-probe" in open("/proc/%d/cmdline" % pid, "rb").read()]


class Probe(Watched):
    def test_exec_fails_thrice_and_restarts_once(self):
        sick = os.path.join(self.box.path, "sick")
        run = self.start(["sleep", "1000000"],
                         "probe { exec = { test, '!', -e, \"%s\" } interval = 30ms }" % sick)
        first = int(run.wait_for("worker.start", worker="quiet")["pid"])
        self.box.file("sick", "")
        stop = run.wait_for("worker.stop", worker="quiet")
        os.unlink(sick)
        self.assertEqual(int(stop["pid"]), first)
        self.assertEqual((stop["reason"], stop["detail"]), ("probe", "3 probes failed in a row"))
        self.assertEqual([e["failures"] for e in run.find("worker.probe_failed")], [1, 2, 3])
        restart = run.wait_for("self_healing.worker_thread_restart", worker="quiet")
        self.assertEqual(restart["kind"], "probe")
        run.wait_for("worker.start", worker="quiet", count=2)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.count("worker.start", worker="quiet"), 2)

    def test_a_probe_that_hangs_has_failed_and_holds_nobody(self):
        run = self.start(["sleep", "1000000"], "probe { exec = { sleep, 1000000 } interval = 10ms"
                         " timeout = 100ms failures = 2 }")
        failed = run.wait_for("worker.probe_failed", worker="quiet")
        self.assertEqual(failed["timeout"], "100ms")
        self.assertEqual(self.state(), "up")
        run.wait_for("worker.stop", worker="quiet", reason="probe")

    def test_tcp_that_closed(self):
        port = free_port()
        script = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n" + LISTEN.replace(
            "while True: signal.pause()",
            "[server.accept() for _ in range(3)]\nprint('seen', flush=True)\n"
            "signal.sigwait([signal.SIGUSR1])\nserver.close()\nsignal.pause()")
        run = self.start(python(script) + [str(port)],
                         "ready = port 127.0.0.1:%d\nprobe { tcp = 127.0.0.1:%d interval = 20ms "
                         "failures = 2 }" % (port, port))
        run.wait_for("worker.output", worker="quiet", line="seen")
        self.assertEqual(run.count("worker.probe_failed"), 0)
        os.kill(run.worker_pid("quiet"), signal.SIGUSR1)
        run.wait_for("worker.stop", worker="quiet", reason="probe")
        run.wait_for("worker.output", worker="quiet", line=lambda text: "Connection refused" in text)

    def test_http(self):
        """The status decides: below 400 is life."""
        class Handler(http.server.BaseHTTPRequestHandler):
            status = 302
            asked = threading.Event()

            def do_GET(self):
                self.send_response(Handler.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()
                Handler.asked.set()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        run = self.start(["sleep", "1000000"], "probe { http = \"http://127.0.0.1:%d/health\" "
                         "interval = 20ms failures = 1 timeout = 30s }" % server.server_port)
        self.assertTrue(Handler.asked.wait(harness.TIMEOUT))
        self.assertEqual(run.count("worker.probe_failed"), 0)
        Handler.status = 503
        run.wait_for("worker.stop", worker="quiet", reason="probe")
        run.wait_for("worker.output", worker="quiet", line=lambda text: "status 503" in text)

    def test_no_such_program(self):
        run = self.start(["sleep", "1000000"], "probe { exec = /no/such interval = 10ms }")
        failed = run.wait_for("worker.probe_failed", worker="quiet")
        self.assertEqual(failed["error"], "No such file or directory")
        run.wait_for("worker.stop", worker="quiet", reason="probe")

    def test_an_operators_stop_ends_the_probe(self):
        run = self.start(["sleep", "1000000"],
                         "probe { exec = { sleep, 1000001 } interval = 10ms timeout = 1h }")
        wait_until(lambda: len(self.box.leftovers()) >= 4, "the probe")
        self.assertEqual(self.box.call("stop", "quiet").returncode, EXIT_OK)
        wait_until(lambda: not self.probes(), "the probe's end")
        self.assertEqual(run.stop(), EXIT_OK)

    def probes(self):
        return [pid for pid in self.box.leftovers()
                if b"1000001" in open("/proc/%d/cmdline" % pid, "rb").read()]


REDIS = shutil.which("redis-check-rdb")


@unittest.skipUnless(REDIS, "redis-tools is not installed")
class RealProgram(Watched):
    """Redis: with sd_notify, and without a word. The same file is the server by another name."""

    def redis(self, *arguments):
        server = os.path.join(self.box.path, "redis-server")
        os.symlink(os.path.realpath(REDIS), server)
        self.port = free_port()
        return [server, "--port", str(self.port), "--save", "", "--dir", self.box.path, *arguments]

    def ping(self):
        with socket.create_connection(("127.0.0.1", self.port), harness.TIMEOUT) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64)

    def test_that_speaks_sd_notify(self):
        run = self.start(self.redis("--supervised", "systemd"), notify="systemd")
        run.wait_for("worker.ready", worker="quiet")
        self.assertEqual(self.ping(), b"+PONG\r\n")
        wait_until(lambda: "Ready to accept connections" in self.box.call("status", "--json").stdout,
                   "the status that it gives")
        os.kill(run.worker_pid("quiet"), signal.SIGKILL)
        run.wait_for("worker.ready", worker="quiet", count=2)
        self.assertEqual(self.ping(), b"+PONG\r\n")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.find("worker.stop", worker="quiet")[-1]["status"], 0)

    def test_that_says_nothing(self):
        command = self.redis()
        run = self.start(command, "ready = port 127.0.0.1:%d\nprobe { tcp = 127.0.0.1:%d "
                         "interval = 20ms }" % (self.port, self.port))
        run.wait_for("worker.ready", worker="quiet")
        self.assertEqual(self.ping(), b"+PONG\r\n")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.count("worker.probe_failed"), 0)


if __name__ == "__main__":
    harness.main()
