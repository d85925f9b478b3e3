# SPDX-License-Identifier: Apache-2.0
"""Feeds over a network, against a server that lies, with SIGKILLs at random: the ledger is the
one of the same events given as a file; and an outage, refused keys, 429, stale data.
"""

import json
import os
import random
import signal

import data_standin
import harness
from data_standin import KEY_ID, SECRET, TOKEN, DataServer
from fakesup import Worker
from harness import EXIT_OK, Case, is_alive
from trading import WORKER_NAME

SEED = int(os.environ.get("TRADESUP_SEED", random.SystemRandom().randrange(10**6)))
KEYS = {"APCA_API_KEY_ID": KEY_ID, "APCA_API_SECRET_KEY": SECRET, "FLOW_ALERTS_TOKEN": TOKEN}
NEVER_GIVE_UP = {"intensity": "1000", "period": "1s"}
CLUSTERS = {"window": "2m", "min_trades": "4", "min_notional": "3000", "cooldown": "30s",
            "dominance": "60"}
SYMBOLS = ["S0", "S1", "S2", "S3"]


class NetworkCase(Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        print("# TRADESUP_SEED=%d" % SEED, flush=True)

    def serve(self, *args, **kwargs):
        server = DataServer(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def section(self, feed, **sections):
        return dict({"cycle": "0s", "batch": "100", "feed": feed, "flow_cluster": CLUSTERS,
                     "orders": {"long_only": "no", "order_notional": "1000"},
                     "alpaca": {"rate": "10000"}}, **sections)

    def alpaca(self, server, **settings):
        data = dict({"base_url": server.url, "symbols": SYMBOLS, "interval": "10ms"}, **settings)
        return self.section("alpaca", alpaca_data=data)

    def flow(self, server, **settings):
        return self.section("flow_alerts", flow_alerts=dict(
            {"base_url": server.url, "interval": "10ms", "limit": "40"}, **settings))

    def start(self, trading, supervisor=None, **worker):
        section = dict({"restart_delay": "1ms", "restart_delay_max": "1ms", "heartbeat": "1s",
                        "misses": "30"}, **worker)
        self.box.write_config({WORKER_NAME: dict(section, trading=trading)},
                              NEVER_GIVE_UP if supervisor is None else supervisor)
        return self.box.start(environ=KEYS)

    def taken(self):
        """How many records are in the journal."""
        result = self.box.call("ledger", WORKER_NAME, "--json")
        if result.returncode != 0:
            return 0
        ledger = json.loads(result.stdout)
        return ledger["events"] + ledger["dropped"]

    def ledger_of_file(self, events, trading):
        """The ledger of the same events, undisturbed."""
        other = harness.Box()
        self.addCleanup(other.close)
        path = other.file("events.ndjson", "".join(json.dumps(event) + "\n" for event in events))
        columns = {"path": path}
        if "notional" in events[0]:
            columns["notional"] = "notional"
        same = dict({key: value for key, value in trading.items()
                     if key not in ("alpaca_data", "flow_alerts", "http")},
                    feed="file", file=columns)
        other.write_config({WORKER_NAME: dict(harness.ENDS_WITH_ITS_FEED, trading=same)},
                           harness.ENDS_WITH_ITS_WORKERS)
        run = other.start()
        self.assertEqual(run.wait(timeout=120), EXIT_OK, run.tail())
        return other.json("ledger", WORKER_NAME)

    def kill_something(self, run):
        worker = run.worker_pid(WORKER_NAME)
        if self.random.random() < 0.6 and worker and is_alive(worker):
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return run
        run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")
        return self.box.start(environ=KEYS)

    def check_equal(self, server, events, trading, kills):
        run = self.start(trading)
        for _ in range(kills):
            count = server.count() + self.random.randrange(1, 12)
            harness.wait_until(lambda: server.count() >= count or run.process.poll() is not None,
                               "requests")
            run = self.kill_something(run)
        harness.wait_until(lambda: self.taken() >= len(events), "the last record", 240)
        self.assertEqual(run.count("group.escalate"), 0)
        run.stop()
        got, wanted = self.box.json("ledger", WORKER_NAME), self.ledger_of_file(events, trading)
        self.assertGreater(len(wanted["orders"]), 3)
        self.assertEqual(got["events"], wanted["events"])
        self.assertEqual(got["dropped"], wanted["dropped"])
        for key, value in wanted.items():
            self.assertEqual(got[key], value, key)


class SameAsFile(NetworkCase):
    def test_alpaca(self):
        rows = data_standin.trades(SEED, 2000)
        server = self.serve(rows, step=80, seed=SEED, lies=0.12)
        self.check_equal(server, [row["event"] for row in rows], self.alpaca(server), kills=8)

    def test_flow_alerts(self):
        rows = data_standin.alerts(SEED, 900)
        server = self.serve(rows, step=70, seed=SEED, lies=0.12)
        self.check_equal(server, [row["event"] for row in rows], self.flow(server), kills=6)

    def check_http(self, ranges):
        rows = data_standin.trades(SEED, 1500)
        lines = [(json.dumps(row["event"]) + "\n").encode() for row in rows]
        server = self.serve(seed=SEED, lies=0.1, content=b"", ranges=ranges)
        server.LIES = server.LIES[:-2]
        trading = self.section("http", http={"url": server.url + "/trades.ndjson",
                                             "interval": "10ms"})
        whole = b"".join(lines)
        run = self.start(trading)
        at = 0
        while at < len(whole):
            count = server.count() + self.random.randrange(1, 5)
            harness.wait_until(lambda: server.count() >= count, "requests")
            at += self.random.randrange(1, 40000)
            with server.lock:
                server.content = whole[:at]
            if self.random.random() < 0.4:
                run = self.kill_something(run)
        harness.wait_until(lambda: self.taken() >= len(rows), "the last record", 240)
        run.stop()
        self.assertEqual(self.box.json("ledger", WORKER_NAME),
                         self.ledger_of_file([row["event"] for row in rows], trading))
        return server, whole

    def test_http_with_ranges(self):
        server, whole = self.check_http(ranges=True)
        # Nothing is fetched twice but what a kill has lost on the way.
        self.assertLess(server.bytes_sent, 2 * len(whole))

    def test_http_without_ranges(self):
        self.check_http(ranges=False)

    def test_http_what_a_power_cut_left_behind(self):
        """Bytes that were never synced may be anything: zeros, half a line, a line of something else."""
        rows = data_standin.trades(SEED, 300)
        lines = [(json.dumps(row["event"]) + "\n").encode() for row in rows]
        server = self.serve(content=b"".join(lines[:100]))
        trading = self.section("http", http={"url": server.url + "/trades.ndjson", "interval": "10ms"})
        copy = os.path.join(self.box.state, WORKER_NAME, "feed-http.copy")
        for known, garbage in ((100, b"\0" * 5000), (200, lines[7] + b'{"time"'), (300, b"x\n" * 9)):
            run = self.start(trading)
            with server.lock:
                server.content = b"".join(lines[:known])
            harness.wait_until(lambda: self.taken() >= known, "the records")
            self.assertEqual(run.stop(), EXIT_OK)
            with open(copy, "ab") as file:
                file.write(garbage)
        run = self.start(trading)
        run.wait_for("worker.ready")
        asked = server.count()
        harness.wait_until(lambda: server.count() > asked, "a poll")
        run.stop()
        self.assertEqual(self.box.json("ledger", WORKER_NAME),
                         self.ledger_of_file([row["event"] for row in rows], trading))
        with open(copy, "rb") as file:
            self.assertEqual(file.read(), b"".join(lines))


class Outages(NetworkCase):
    def test_an_outage_restarts_nothing(self):
        rows = data_standin.trades(SEED, 300)
        server = self.serve(rows, step=1000)
        server.always = "500"
        run = self.start(self.alpaca(server), supervisor={}, failed_cycles="3")
        run.wait_for("cycle.failed", count=3, error=lambda text: "net: feed: " in text)
        server.always = None
        harness.wait_until(lambda: self.taken() == len(rows), "the records")
        self.assertEqual(run.count("worker.start"), 1)
        self.assertEqual(run.count("self_healing.worker_thread_restart"), 0)
        run.stop()

    def check_refused(self, status):
        server = self.serve([])
        server.always = status
        run = self.start(self.alpaca(server, feed_max_age="1s"), supervisor={})
        run.wait_for("feed.refused", message=lambda text: status in text)
        run.wait_for("feed.stale")
        self.assertEqual(server.count(), 1)
        self.assertEqual(run.count("worker.start"), 1)
        run.stop()

    def test_401_is_asked_once(self):
        self.check_refused("401")

    def test_403_is_asked_once(self):
        self.check_refused("403")

    def test_no_keys_no_request(self):
        server = self.serve([])
        self.box.write_config({WORKER_NAME: {"trading": self.alpaca(server)}}, {})
        run = self.box.start()
        run.wait_for("feed.refused", message=lambda text: "APCA_API_KEY_ID" in text)
        self.assertEqual(server.count(), 0)
        run.stop()

    def test_after_429_nobody_asks_before_the_reset(self):
        server = self.serve(data_standin.trades(SEED, 50), step=1000)
        server.script, server.reset_s = ["429"], 6
        run = self.start(self.alpaca(server))
        run.wait_for("cycle.failed", error=lambda text: " 429" in text)
        reset = server.requests[0][0] + 5
        for _ in range(3):
            before = run.position()
            pid = run.worker_pid(WORKER_NAME)
            os.kill(pid, signal.SIGKILL)
            run.wait_for("worker.start", since=before)
            run.wait_for("worker.ready", since=before)
        harness.wait_until(lambda: self.taken() == 50, "the records")
        self.assertGreaterEqual(server.requests[1][0], reset)
        run.stop()

    def test_stale_once_and_recovered(self):
        rows = data_standin.trades(SEED, 60)
        server = self.serve(rows, step=0)
        run = self.start(self.alpaca(server, feed_max_age="1s"), supervisor={})
        run.wait_for("feed.stale")
        count = server.count() + 5
        harness.wait_until(lambda: server.count() > count, "more empty answers")
        self.assertEqual(run.count("feed.stale"), 1)
        with server.lock:
            server.visible = 60
        run.wait_for("feed.recovered")
        self.assertEqual(run.count("worker.start"), 1)
        run.stop()

    def test_a_hanging_server_holds_up_no_stop_and_is_no_hang(self):
        server = self.serve([])
        server.always = "hang"
        run = self.start(self.alpaca(server), cycle_timeout="3s", shutdown="infinity")
        harness.wait_until(server.count, "the request")
        run.wait_for("cycle.failed", error=lambda text: "net: feed: " in text)
        count = server.count()
        harness.wait_until(lambda: server.count() > count, "the next request")
        self.assertEqual(run.count("worker.hang"), 0)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.find("worker.stop", worker=WORKER_NAME)[-1].get("killed"), None)

    def start_on_many_pages(self):
        """800 of them, one batch; the worker has begun with it."""
        server = self.serve(data_standin.trades(SEED, 1600), step=2000)
        server.page = 2
        section = {"heartbeat": "100ms", "cycle_timeout": "600s", "trading": self.alpaca(server)}
        self.box.write_config({WORKER_NAME: section})
        worker = Worker(self.box, name=WORKER_NAME, environ=KEYS)
        self.addCleanup(worker.kill)
        harness.wait_until(server.count, "the first page")
        return server, worker

    def test_a_stop_does_not_wait_for_many_quick_pages(self):
        server, worker = self.start_on_many_pages()
        worker.send("stop", 5000)
        asked = server.count()
        self.assertEqual(worker.end(), EXIT_OK)
        if asked > 400:
            self.skipTest("the machine is too busy: %d pages before the stop" % asked)
        self.assertLess(server.count(), 800)

    def test_many_quick_pages_are_no_hang(self):
        """None of them is waited for long enough for a heartbeat of its own; all of them are one batch."""
        server, worker = self.start_on_many_pages()
        cycle = worker.wait_for("heartbeat", phase="fetch")["cycle"]
        worker.wait_for("cycle", cycle=cycle)
        self.assertGreater(server.count(), 100, "a weak test")
        self.assertGreaterEqual(len(worker.find("heartbeat", cycle=cycle, phase="fetch")), 4)

    def test_one_bad_symbol_does_not_end_the_run(self):
        rows = data_standin.trades(SEED, 200)
        server = self.serve(rows, step=1000)
        server.unknown = {"BAD"}
        run = self.start(self.alpaca(server, symbols=["S0", "BAD", "S1", "S2", "S3"]))
        run.wait_for("feed.warning", message=lambda text: text.startswith("BAD:"))
        harness.wait_until(lambda: self.taken() == len(rows), "the records")
        run.stop()

    def test_an_empty_page_that_was_promised_loses_nothing(self):
        rows = data_standin.trades(SEED, 200)
        server = self.serve(rows, step=1000)
        server.script = [None, "nothing", "nothing", None, "nothing"]  # pages of 70
        run = self.start(self.alpaca(server))
        harness.wait_until(lambda: self.taken() == len(rows), "the records")
        run.stop()

    def test_a_symbol_that_is_refused_twice_loses_nothing(self):
        rows = data_standin.trades(SEED, 200)
        server = self.serve(rows, step=50)
        server.script = [None, "400", "400", None, "400", None, "400"]
        run = self.start(self.alpaca(server))
        harness.wait_until(lambda: self.taken() == len(rows), "the records")
        self.assertEqual(run.count("feed.warning"), 0)
        run.stop()


class Secrets(NetworkCase):
    def test_they_are_nowhere(self):
        server = self.serve(data_standin.trades(SEED, 100), step=10, seed=SEED, lies=0.3)
        run = self.start(self.alpaca(server))
        harness.wait_until(lambda: self.taken() == 100, "the records")
        pid = run.worker_pid(WORKER_NAME)
        for name in ("environ", "cmdline"):
            with open("/proc/%d/%s" % (pid, name), "rb") as file:
                self.assertNotIn(SECRET.encode(), file.read())
        run.stop()
        self.assertNotIn(SECRET, run.tail(10**6))
        for folder, _, names in os.walk(self.box.path):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        data = file.read()
                    self.assertNotIn(SECRET.encode(), data, path)
                    self.assertNotIn(KEY_ID.encode(), data, path)


if __name__ == "__main__":
    harness.main()
