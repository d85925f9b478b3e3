# SPDX-License-Identifier: Apache-2.0
"""What the feed http keeps on the disk has a bound: it is trimmed behind the snapshots, and a restart after that loses
and doubles nothing.
"""

import os
import random
import signal

import harness
from data_standin import DataServer
from harness import EXIT_OK
from test_feed_network import NetworkCase
from trading import WORKER_NAME

# From the worker: between two snapshots of a small module, and of the copy's beginning that is always kept.
SNAPSHOT_RECORDS, HEAD_BYTES = 200000, 256 * 1024
FIELDS = ("time", "symbol", "side", "price", "size", "id")
CLUSTERS = {"window": "10s", "min_trades": "6", "min_notional": "30000", "cooldown": "600s", "dominance": "90"}


def rows_of(seed, count):
    dice, now, price = random.Random(seed), 1700000000 * 10**9, 10000
    for number in range(count):
        now += dice.randrange(10**9)
        price = max(5000, price + dice.randrange(-20, 21))
        yield (str(now), "S%d" % dice.randrange(4), dice.choice(("buy", "sell")), "%d.%02d" % divmod(price, 100),
               str(dice.randrange(1, 90)), str(number))


class Trim(NetworkCase):
    def prepare_feed(self, count, ranges=True):
        """A file of @count trades at a URL that shows nothing yet."""
        self.lines = [",".join(row) + "\n" for row in rows_of(7, count)]
        self.ends = [len(",".join(FIELDS)) + 1]
        for line in self.lines:
            self.ends.append(self.ends[-1] + len(line))
        self.whole = (",".join(FIELDS) + "\n" + "".join(self.lines)).encode()
        self.server = self.serve(content=b"", ranges=ranges)
        self.trading = self.section("http", batch="10000", flow_cluster=CLUSTERS, http={
            "url": self.server.url + "/trades.csv", "interval": "10ms", "time_unit": "ns"})

    def show(self, count):
        """So many trades, and half of the next one."""
        with self.server.lock:
            self.server.content = self.whole[:self.ends[count] + 7]

    def wait_taken(self, count):
        harness.wait_until(lambda: self.taken() >= count, "%d records" % count, 240, interval=0.2)
        self.assertEqual(self.taken(), count)

    def kept(self):
        """How large the copy is, and how much of it is on the disk, in bytes."""
        status = os.stat(os.path.join(self.box.state, WORKER_NAME, "feed-http.copy"))
        return status.st_size, status.st_blocks * 512

    def kill(self, run):
        run.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the workers' end")

    def assert_same_as_file(self):
        """Of all that was shown, from the journal of all lives."""
        path = self.box.file("all.csv", self.whole)
        other = harness.Box()
        self.addCleanup(other.close)
        same = dict({key: value for key, value in self.trading.items() if key != "http"}, feed="file",
                    file={"path": path, "time_unit": "ns"})
        other.write_config({WORKER_NAME: dict(harness.ENDS_WITH_ITS_FEED, trading=same)}, harness.ENDS_WITH_ITS_WORKERS)
        run = other.start()
        self.assertEqual(run.wait(timeout=240), EXIT_OK, run.tail())
        wanted, got = other.json("ledger", WORKER_NAME), self.box.json("ledger", WORKER_NAME)
        self.assertGreater(len(wanted["orders"]), 10)
        for key, value in wanted.items():
            self.assertEqual(got[key], value, key)

    def check_trimmed(self, upto):
        """All before so many records is given back, but for the head and what a block has besides."""
        size, on_disk = self.kept()
        self.assertEqual(size, len(self.server.content))
        bound = size - self.ends[upto] + HEAD_BYTES
        self.assertLess(on_disk, bound + 64 * 1024)
        self.assertLess(on_disk, size - self.ends[upto] / 2, "a weak test")

    def test_over_kills(self):
        """A snapshot in each life: the next one trims behind it."""
        self.prepare_feed(3 * SNAPSHOT_RECORDS + 30000)
        kept = []
        for life in range(1, 4):
            count = life * SNAPSHOT_RECORDS + 10000 * life
            run = self.start(self.trading, heartbeat="10s")
            self.show(count)
            self.wait_taken(count)
            if life > 1:
                self.check_trimmed((life - 1) * SNAPSHOT_RECORDS)
            kept.append(self.kept()[1])
            os.kill(run.worker_pid(WORKER_NAME), signal.SIGKILL)
            run.wait_for("worker.ready", count=2)
            self.wait_taken(count)
            self.kill(run)
        self.assertLess(kept[2], 1.2 * kept[1], "it grows")
        run = self.start(self.trading, heartbeat="10s")
        with self.server.lock:
            self.server.content = self.whole
        self.wait_taken(len(self.lines))
        self.assertEqual(run.count("worker.exit"), 0)
        run.stop()
        self.assert_same_as_file()

    def test_new_parameters_after_a_trim(self):
        """The module begins at the last snapshot, since the beginning is not there any more."""
        self.prepare_feed(2 * SNAPSHOT_RECORDS + 20000)
        run = self.start(self.trading, heartbeat="10s")
        self.show(2 * SNAPSHOT_RECORDS + 10000)
        self.wait_taken(2 * SNAPSHOT_RECORDS + 10000)
        self.check_trimmed(SNAPSHOT_RECORDS)
        before = self.box.json("ledger", WORKER_NAME)
        self.assertEqual(run.stop(), EXIT_OK)
        self.trading["flow_cluster"] = dict(CLUSTERS, min_trades="2", min_notional="1", dominance="0")
        run = self.start(self.trading, heartbeat="10s")
        with self.server.lock:
            self.server.content = self.whole
        self.wait_taken(len(self.lines))
        self.assertEqual(run.count("cycle.failed"), 0)
        run.stop()
        clusters = self.box.json("ledger", WORKER_NAME)["clusters"]
        self.assertEqual(clusters[:len(before["clusters"])], before["clusters"])
        self.assertGreater(len(clusters), len(before["clusters"]) + 5, "the new parameters are not in use")

    def test_a_server_without_ranges(self):
        """What it sends is held against all that was ever read, trimmed or not."""
        self.prepare_feed(2 * SNAPSHOT_RECORDS + 20000, ranges=False)
        run = self.start(self.trading, supervisor={}, heartbeat="10s")
        self.show(2 * SNAPSHOT_RECORDS + 10000)
        self.wait_taken(2 * SNAPSHOT_RECORDS + 10000)
        self.check_trimmed(SNAPSHOT_RECORDS)
        self.kill(run)
        run = self.start(self.trading, supervisor={}, heartbeat="10s")
        with self.server.lock:
            self.server.content = self.whole
        self.wait_taken(len(self.lines))
        self.assert_same_as_file()
        changed = bytearray(self.whole + self.whole[-20:])
        changed[self.ends[SNAPSHOT_RECORDS // 2]] ^= 1
        with self.server.lock:
            self.server.content = bytes(changed)
        run.wait_for("cycle.failed", error=lambda text: "begins otherwise" in text)
        self.assertEqual(self.taken(), len(self.lines))
        self.kill(run)


if __name__ == "__main__":
    harness.main()
