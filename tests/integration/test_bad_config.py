# SPDX-License-Identifier: Apache-2.0
"""A bad configuration: exit status 78, the message names file, line and option, and nothing is
started. `check` says the same.
"""

import os

import harness
from harness import EXIT_CONFIG, Case

# A worker that would leave a mark if it were started.
MARKER = 'worker marker { command = { "touch", "%(box)s/started" }  heartbeat = 0s }\n'

# what: (the text, whose line 1 is the marker's; the line to be named; the word to be named)
BAD = {
    "unknown key in worker": ("worker w {\n  no_such_key = 1\n}\n", 3, "no_such_key"),
    "unknown key in supervisor": ("supervisor {\n  intensty = 3\n}\n", 3, "intensty"),
    "unknown key in trading": ("worker w {\n trading {\n  cylce = 1s\n }\n}\n", 4, "cylce"),
    "unknown key in file": ("worker w {\n trading {\n  file {\n   pth = x\n  }\n }\n}\n", 5, "pth"),
    "unknown section": ("workers w {\n}\n", 2, "workers"),
    "word for a number": ("supervisor {\n  intensity = three\n}\n", 3, "intensity"),
    "number for a word": ("supervisor {\n  strategy = 3\n}\n", 3, "strategy"),
    "unknown strategy": ("supervisor {\n  strategy = one_for_some\n}\n", 3, "strategy"),
    "unknown restart": ("worker w {\n  restart = sometimes\n}\n", 3, "restart"),
    "no boolean": ("worker w {\n  significant = maybe\n}\n", 3, "significant"),
    "duration without a unit": ("worker w {\n  heartbeat = 2\n}\n", 3, "heartbeat"),
    "duration with a wrong unit": ("worker w {\n  heartbeat = 2parsec\n}\n", 3, "heartbeat"),
    "negative duration": ("worker w {\n  cycle_timeout = -5s\n}\n", 3, "cycle_timeout"),
    "size with a wrong unit": ("worker w {\n  memory_max = 64X\n}\n", 3, "memory_max"),
    "negative number": ("supervisor {\n  intensity = -1\n}\n", 3, "intensity"),
    "number too large": ("supervisor {\n  intensity = 99999999999999999999\n}\n", 3, "intensity"),
    "misses of zero": ("worker w {\n  misses = 0\n}\n", 3, "misses"),
    "batch of zero": ("worker w {\n trading {\n  batch = 0\n }\n}\n", 4, "batch"),
    "dominance over 100": (
        "worker w {\n trading {\n  flow_cluster {\n   dominance = 101\n  }\n }\n}\n", 5, "dominance"),
    "price that is no number": (
        "worker w {\n trading {\n  orders {\n   order_notional = lots\n  }\n }\n}\n", 5,
        "order_notional"),
    "lot of zero": ("worker w {\n trading {\n  orders {\n   lot = 0\n  }\n }\n}\n", 5, "lot"),
    "negative cash": ("worker w {\n trading {\n  paper {\n   cash = -1\n  }\n }\n}\n", 5, "cash"),
    "unknown feed": ("worker w {\n trading {\n  feed = crystal_ball\n }\n}\n", 4, "feed"),
    "unknown broker": ("worker w {\n trading {\n  broker = friend\n }\n}\n", 4, "broker"),
    "file feed without a path": ("worker w {\n trading {\n  feed = file\n }\n}\n", None, "path"),
    "key twice": ("worker w {\n  misses = 3\n  misses = 4\n}\n", 4, "misses"),
    "worker twice": ("worker w {\n}\nworker w {\n}\n", 4, "w"),
    "worker without a name": ("worker {\n}\n", 2, "worker"),
    "name with a slash": ('worker "a/b" {\n}\n', None, "a/b"),
    "name with dots": ('worker "../escape" {\n}\n', None, "../escape"),
    "name that is hidden": ('worker ".hidden" {\n}\n', None, ".hidden"),
    "name like an option": ('worker "-x" {\n}\n', None, "-x"),
    "empty name": ('worker "" {\n}\n', None, "worker"),
    "empty command": ("worker w {\n  command = { }\n}\n", None, "command"),
    "significant and permanent": ("worker w {\n  significant = yes\n}\n", None, "significant"),
    "significant without auto_shutdown": (
        "worker w {\n  restart = transient\n  significant = yes\n}\n", None, "significant"),
    "maximum below the delay": (
        "worker w {\n  restart_delay = 10s\n  restart_delay_max = 1s\n}\n", None, "restart_delay_max"),
    "no network for the broker": (
        "worker w {\n sandbox {\n  no_network = yes\n }\n trading {\n  broker = alpaca\n }\n}\n", 4,
        "broker = alpaca of line 7"),
    "no network for the feed": (
        "worker w {\n sandbox {\n  no_network = yes\n }\n trading {\n  feed = http\n  http {\n"
        "   url = \"http://127.0.0.1:1/x\"\n  }\n }\n}\n", 4, "feed = http of line 7"),
    "alert without a target": ("alert a {\n  when = relapse\n}\n", 2, "to"),
    "alert without a condition": (
        "target t {\n command = x\n}\nalert a {\n  to = t\n}\n", 5, "when"),
    "alert of an unknown condition": ("alert a {\n  when = sometimes\n}\n", 3, "when"),
    "alert to nobody known": ("alert a {\n  when = relapse\n  to = nobody\n}\n", 2, "nobody"),
    "alert of an unknown worker": (
        "target t {\n command = x\n}\nalert a {\n  when = stale\n  to = t\n  worker = w\n}\n", 5, "w"),
    "alert twice": (
        "target t {\n command = x\n}\nalert a {\n  when = stale\n  to = t\n}\n"
        "alert a {\n  when = stale\n  to = t\n}\n", 9, "taken"),
    "target that says not how": ("target t {\n}\n", 2, "webhook"),
    "target of two kinds": (
        "target t {\n command = x\n slack = https://example.com\n}\n", 3, "command"),
    "target over plain HTTP": ('target t {\n webhook = "http://example.com/"\n}\n', 3, "webhook"),
    "mail to no address": (
        'target t {\n smtp = "smtps://example.com"\n from = "a@b.c"\n to = "x\\nBcc: y@z"\n}\n', 5, "to"),
    "template of a mail": (
        'target t {\n smtp = "smtps://a.b"\n from = "a@b.c"\n to = "x@y.z"\n template = x\n}\n', 6,
        "template"),
    "quiet for ever": ('notify {\n quiet = "22-7"\n}\n', 3, "quiet"),
    "quiet at 25": ('notify {\n quiet = "22:00-25:00"\n}\n', 3, "quiet"),
    "unclosed brace": ("worker w {\n  misses = 3\n", None, ""),
    "brace too many": ("worker w {\n}\n}\n", 4, ""),
    "unclosed quote": ('supervisor {\n  state_dir = "/tmp\n}\n', None, ""),
    "no value": ("supervisor {\n  intensity =\n}\n", None, ""),
}


class BadConfig(Case):
    def assert_refused(self, line, word):
        for verb in ("check", "run"):
            result = self.box.call(verb)
            said = result.stdout + result.stderr
            self.assertEqual(result.returncode, EXIT_CONFIG, "%s: %s" % (verb, said))
            place = self.box.config + (":%d:" % line if line else ":")
            self.assertIn(place, said, verb)
            self.assertIn(word, said, verb)
            self.assertRegex(said, r"tradesup\.conf:\d+: .+", verb)
        self.assertFalse(os.path.exists(os.path.join(self.box.path, "started")))
        self.assertFalse(os.path.exists(self.box.state), "a state directory was made")
        self.assertEqual(self.box.leftovers(), [])

    def write(self, text):
        """A configuration whose first line is the marker's; directories come from the environment."""
        marker = MARKER % {"box": self.box.path}
        self.box.environ["STATE_DIRECTORY"] = self.box.state
        self.box.environ["RUNTIME_DIRECTORY"] = os.path.join(self.box.path, "run")
        tail = text if isinstance(text, bytes) else text.encode()
        self.box.file("tradesup.conf", marker.encode() + tail)

    def test_binary_noise(self):
        noise = bytes(range(1, 256)) * 40
        self.write(noise)
        result = self.box.call("run")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertRegex(result.stderr, r"tradesup\.conf:\d+: ")
        self.assertNotRegex(result.stderr, r"[\x00-\x09\x0b-\x1f\x7f]")
        self.assertFalse(os.path.exists(os.path.join(self.box.path, "started")))

    def test_zeros(self):
        self.write(b"worker w {\n" + b"\0" * 4096)
        self.assertEqual(self.box.call("run").returncode, EXIT_CONFIG)
        self.assertFalse(os.path.exists(os.path.join(self.box.path, "started")))

    def test_missing_file(self):
        result = self.box.call("run")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn(self.box.config, result.stderr)

    def test_directory(self):
        os.mkdir(self.box.config)
        result = self.box.call("run")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn(self.box.config, result.stderr)

    def test_empty_file(self):
        self.box.file("tradesup.conf", "")
        result = self.box.call("run")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn(self.box.config, result.stderr)

    def test_all_errors_are_told(self):
        self.write("worker a {\n  misses = 0\n}\nworker b {\n  heartbeat = 2\n}\n")
        said = self.box.call("check").stderr
        self.assertIn(self.box.config + ":3:", said)
        self.assertIn(self.box.config + ":6:", said)


def add_case(what, text, line, word):
    def test(self):
        self.write(text)
        self.assert_refused(line, word)

    setattr(BadConfig, "test_" + what.replace(" ", "_").replace(",", ""), test)


for one in BAD.items():
    add_case(one[0], *one[1])


if __name__ == "__main__":
    harness.main()
