# SPDX-License-Identifier: Apache-2.0
"""worker/python/tradesup.py against a supervisor made of Python: its msgpack, held against our own
decoder; its messages and requests; its healing; its end.
"""

import asyncio
import importlib
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from unittest import mock

import fakesup
import harness
import miniwire
from harness import BUILD, TREE, Box

CLIENT = os.path.join(TREE, "worker", "python")
ECHO = os.path.join(BUILD, "tests", "echo_msg")
RESULT = {"clusters": 0, "orders": 0, "error": "import_reload", "healed": True}

sys.path.insert(0, CLIENT)
import tradesup  # noqa: E402

logging.getLogger("tradesup").addHandler(logging.NullHandler())
logging.getLogger("tradesup").propagate = False

MESSAGES = [
    ["hello", 1, "bot", 4711], ["ready"], ["heartbeat", 0, ""], ["heartbeat", 2 ** 63 - 1, "x" * 63],
    ["cycle", 1, 2, 3, None, False, 10 ** 12], ["cycle", 1, 0, 0, "é" * 500, True, 0],
    ["heal", 1, "name", "success", "StateFiles: loaded again"], ["heal", 2, "key", "relapsed", ""],
    ["status", "x" * 1023], ["restart", "why"], ["bye"], ["stop", -1], ["stop", 300], ["reload"],
    ["fault", "net"],
]


def echo(packets):
    """What our own decoder and encoder make of packets: bytes, or the word for a refusal."""
    lines = "".join(packet.hex() + "\n" for packet in packets)
    out = subprocess.run([ECHO], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line if line in ("bad", "unknown") else bytes.fromhex(line) for line in out.splitlines()]


def is_message(packet):
    try:
        tradesup.unpack(packet)
    except ValueError:
        return False
    return True


class Wire(unittest.TestCase):
    @harness.needs(ECHO)
    def test_both_sides_understand_each_other(self):
        for sent, back in zip(MESSAGES, echo([tradesup.pack(m) for m in MESSAGES])):
            self.assertNotIn(back, ("bad", "unknown"), sent)
            self.assertEqual(tradesup.unpack(back), sent)

    @harness.needs(ECHO)
    def test_hostile_packets_are_judged_alike(self):
        seed = int(os.environ.get("TRADESUP_SEED", random.randrange(2 ** 32)))
        chance = random.Random(seed)
        # A word that nobody knows: then the form alone is judged.
        whole = tradesup.pack(["zzz", 1, -70000, "text" * 20, [1, ["a", None], True], None])
        packets = [whole, b"", b"\x90", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x91\xdb\xff\xff\xff\xff",
                   b"\x91" * 5000, b"\x92\xa1z" + b"\x91" * 5000 + b"\x00", b"\x91\xc4\x00", b"\x91\x01",
                   whole + b"\0", b"\x91\xa1\xff"]
        for _ in range(3000):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.choice((chance.randrange(256), 0xC1, 0x9F,
                                                                   0xDE, 0xC9, 0xD8, 0xDB))
            if bytes(data[:4]) == whole[:4] or chance.random() < 0.1:
                packets.append(bytes(data[:chance.randrange(len(data) + 1)]
                                     if chance.random() < 0.3 else data))
        verdicts = [verdict != "bad" for verdict in echo(packets)]
        self.assertGreater(verdicts.count(True), 100)
        self.assertGreater(verdicts.count(False), 100)
        for packet, verdict in zip(packets, verdicts):
            self.assertEqual(is_message(packet), verdict, "seed %d: %s" % (seed, packet.hex()))

    def test_huge_claims_cost_nothing(self):
        for packet in (b"\xdd\x7f\xff\xff\xff\xa1z", b"\x92\xa1z\xdf\xff\xff\xff\xff",
                       b"\x92\xa1z" + b"\xdd\x00\x00\xff\xff" * 13000):
            self.assertFalse(is_message(packet))

    def test_texts_are_cut_before_a_character(self):
        self.assertEqual(tradesup._cut("é" * 1000).encode(), ("é" * 511).encode())
        self.assertEqual(tradesup._cut("a\0b\udc80"), "a b?")

    def test_numbers_stay_in_their_range(self):
        self.assertEqual(tradesup.unpack(tradesup.pack(["x", 2 ** 70]))[1], 2 ** 63 - 1)


class Kinds(unittest.TestCase):
    def test_each_exception_has_its_kind(self):
        class Foreign(Exception):
            __module__ = "requests.exceptions"

        for error, kind in [(NameError(), "name"), (UnboundLocalError(), "name"),
                            (ModuleNotFoundError(), "import"), (AttributeError(), "attribute"),
                            (KeyError(), "key"), (ConnectionResetError(), "net"),
                            (socket.timeout(), "net"), (asyncio.TimeoutError(), "net"),
                            (socket.gaierror(), "net"), (OSError(101, ""), "net"), (Foreign(), "net"),
                            (FileNotFoundError(), "io"), (ValueError(), "data"),
                            (IndexError(), "data"), (ZeroDivisionError(), "data"),
                            (TypeError(), "internal"), (MemoryError(), "internal")]:
            with self.subTest(type(error).__name__):
                self.assertEqual(tradesup.kind_of(error), kind)


class Linked(unittest.TestCase):
    """A worker in this process, and the other end of its link."""

    def setUp(self):
        self.box = Box()
        self.addCleanup(self.box.close)
        self.addCleanup(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.peer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.peer.close)
        self.peer.setblocking(False)
        os.environ["TRADESUP_FD"] = str(theirs.detach())
        self.addCleanup(os.environ.pop, "TRADESUP_FD", None)
        self.worker = tradesup.Worker("bot")
        self.addCleanup(self.worker._link._forget)
        self.modules()

    def modules(self):
        """A registry of its own, and a module that has taken a name over from it."""
        self.file("wanted", "class StateFiles:\n    HEARTBEAT = 'a'\nLIMIT = 5\n")
        self.file("user", "from wanted import StateFiles\nfrom wanted import StateFiles as Files\n"
                  "def run_once():\n    return StateFiles.HEARTBEAT\n")
        sys.path.insert(0, self.box.path)
        self.addCleanup(sys.path.remove, self.box.path)
        for name in ("wanted", "user"):
            self.addCleanup(sys.modules.pop, name, None)
        patch = mock.patch.object(sys, "dont_write_bytecode", True)
        patch.start()
        self.addCleanup(patch.stop)
        importlib.invalidate_caches()
        self.user = importlib.import_module("user")
        self.wanted = sys.modules["wanted"]
        self.worker.names("wanted", "StateFiles.HEARTBEAT")

    def file(self, module, text):
        self.box.file(module + ".py", text)

    def received(self, word=None):
        """All that has come; of one kind, without the word."""
        messages = []
        while True:
            try:
                messages.append(miniwire.unpack(self.peer.recv(65536)))
            except BlockingIOError:
                break
        return [m[1:] for m in messages if m[0] == word] if word else messages

    def reports(self):
        """[error, healed] of each cycle that has been reported."""
        return [fields[3:5] for fields in self.received("cycle")]

    def send(self, *message):
        self.peer.send(miniwire.pack(message))

    def allow_faults(self):
        patch = mock.patch.dict(os.environ, TRADESUP_ALLOW_FAULTS="1")
        patch.start()
        self.addCleanup(patch.stop)


def raises(error):
    def run_once():
        raise error
    return run_once


class Link(Linked):
    def test_opening_says_hello_and_leaves_no_trace(self):
        self.assertNotIn("TRADESUP_FD", os.environ)
        self.assertEqual(self.received(), [["hello", 1, "bot", os.getpid()]])
        self.assertFalse(self.worker._link._socket.get_inheritable())

    def test_cycle_is_told_from_beginning_to_end(self):
        self.worker.once(lambda: {"clusters": 2, "orders": [7]})
        words = [(m[0], m[2] if m[0] == "heartbeat" else None) for m in self.received()]
        self.assertEqual(words, [("hello", None), ("heartbeat", "pre_check"), ("ready", None),
                                 ("heartbeat", "run"), ("heartbeat", "report"), ("cycle", None)])
        self.worker.once(lambda: {"clusters": 2, "orders": [7]})
        self.assertEqual(self.received("cycle")[0][:5], [2, 2, 1, None, False])

    def test_what_a_cycle_returns_is_handed_on(self):
        thing = object()
        self.assertIs(self.worker.once(lambda: thing), thing)
        self.assertEqual(self.reports(), [[None, False]])

    def test_strange_reports_do_no_harm(self):
        for value in ({"clusters": "x" * 3, "orders": -4}, {"clusters": None}, {"orders": 1.5},
                      {"orders": 2 ** 80}, [], 7):
            self.worker.once(lambda value=value: value)
        self.assertEqual([fields[1:3] for fields in self.received("cycle")],
                         [[3, 0], [0, 0], [0, 0], [0, 2 ** 63 - 1], [0, 0], [0, 0]])

    def test_requests_are_heeded_and_nonsense_is_not(self):
        # A stop, were it not for the byte behind the longest packet there may be.
        too_long = b"\x93\xa4stop\x05\xc5" + (65536 - 10).to_bytes(2, "big") + b"x" * (65536 - 10) + b"x"
        for packet in (b"", b"\xc1", b"\x90", b"x" * 70000, too_long, miniwire.pack(["stop"]),
                       miniwire.pack(["stop", "soon"]), miniwire.pack(["stop", -2]),
                       miniwire.pack(["stop", None]), miniwire.pack(["stop", True]),
                       miniwire.pack(["hold"]), miniwire.pack(["hold", 1, "x"]), miniwire.pack(["fault"]),
                       miniwire.pack(["sing", "song"]), b"\x92\xa4stop\xcf" + b"\xff" * 8):
            try:
                self.peer.send(packet)
            except OSError:  # too large for the socket
                continue
        self.assertFalse(self.worker.stopping)
        self.assertFalse(self.worker.held)
        self.send("hold", True, "the kill switch", "more")
        self.assertTrue(self.worker.held)
        self.assertEqual(self.worker.hold_reason, "the kill switch")
        self.send("hold", False, None)
        self.assertFalse(self.worker.held)
        self.assertEqual(self.worker.hold_reason, "")
        self.assertIsNone(self.worker.time_left())
        self.send("stop", 5000, "more")
        self.assertTrue(self.worker.stopping)
        self.assertGreater(self.worker.time_left(), 1)
        self.assertFalse(self.worker.heartbeat())

    def test_full_socket_neither_waits_nor_loses_a_report(self):
        begin = time.monotonic()
        for number in range(600):
            self.worker.heartbeat("phase %d" % number)
            self.worker._link.send("status", "x" * 1000)
        self.worker.once(lambda: None)
        self.assertLess(time.monotonic() - begin, harness.TIMEOUT / 2)
        reports = []

        def read():
            reports.extend(self.reports())
            self.worker._link.flush()
            return reports

        harness.wait_until(read, "the report behind all that")
        self.assertEqual(reports, [[None, False]])

    def test_queue_has_an_end(self):
        for _ in range(5000):
            self.worker.status("x" * 1000)
        self.assertLessEqual(len(self.worker._link._queue), tradesup.QUEUE_MAX)

    def test_supervisor_that_has_gone_is_gone_for_good(self):
        self.peer.close()
        for _ in range(3):
            self.assertTrue(self.worker.stopping)
            self.worker.heartbeat()
            self.worker.status("nobody hears")
            self.worker.once(lambda: None)

    def test_requests_before_the_end_still_count(self):
        self.received()
        self.send("stop", 7000)
        self.peer.close()
        self.assertTrue(self.worker.stopping)
        self.assertIsNotNone(self.worker.time_left())

    def test_heartbeats_of_another_thread_are_none(self):
        self.worker.once(lambda: None)
        self.received()
        thread = threading.Thread(target=self.worker.heartbeat, args=("helper",))
        thread.start()
        thread.join()
        self.assertEqual(self.received("heartbeat"), [])
        self.worker.heartbeat("loop")
        self.assertEqual(self.received("heartbeat"), [[1, "loop"]])

    def test_inner_loop_may_beat_as_often_as_it_likes(self):
        self.received()
        for _ in range(1000):
            self.worker.heartbeat("inner")
        self.assertLess(len(self.received("heartbeat")), 500)

    def test_forked_child_is_no_worker(self):
        self.received()
        child = os.fork()
        if child == 0:
            self.worker.status("from a child")
            os._exit(7 if self.worker.supervised else 0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.received(), [])
        self.worker.status("from the worker")
        self.assertEqual(self.received(), [["status", "from the worker"]])

    def test_event_has_its_fields_in_order(self):
        self.received()
        self.worker.event("order.placed", symbol='a "b"\\\n', count=3, buy=True, price=1.5)
        self.worker.event("feed.stale", level=4, big="x" * 1010, more=1)
        self.assertEqual(self.received("event"), [
            [6, "order.placed", 'symbol="a \\"b\\"\\\\\\x0A" count=3 buy=yes price="1.5"'],
            [4, "feed.stale", 'big="%s" more=1' % ("x" * 1010)]])
        self.worker.event("feed.stale", big="x" * 1010, more="yy", last=1)
        self.assertEqual(self.received("event")[0][2], 'big="%s" last=1' % ("x" * 1010))
        for name, level in (("worker.exit", 6), ("order.", 6), ("order.placed", 2), ("order.X", 6)):
            with self.assertRaises(ValueError):
                self.worker.event(name, level)

    def test_figures_are_fields(self):
        self.received()
        self.worker.figures(equity="1000.5", positions=2, orders="open:1")
        self.assertEqual(self.received("figures"), [['equity="1000.5" positions=2 orders="open:1"']])

    def test_words_of_a_heal_are_checked(self):
        for words in (("nmae", "success", ""), ("name", "fine", ""), ("name", "success", "", 3)):
            with self.assertRaises(ValueError):
                self.worker.heal(*words)


class Healing(Linked):
    def test_name_that_the_module_lost_is_back_in_the_same_cycle(self):
        del self.wanted.StateFiles
        self.assertEqual(self.worker.once(self.user.run_once), "a")
        self.assertEqual(self.received("heal"),
                         [[1, "name", "success", "StateFiles.HEARTBEAT: wanted loaded again"]])

    def test_name_that_its_user_lost_is_back_under_each_alias(self):
        self.worker.once(self.user.run_once)
        del self.user.StateFiles, self.user.Files
        self.assertEqual(self.worker.once(self.user.run_once), "a")
        self.assertIs(self.user.Files, self.wanted.StateFiles)
        heals = self.received("heal")
        self.assertEqual({tuple(fields[:3]) for fields in heals}, {(1, "name", "success")})

    def test_module_that_is_no_longer_loaded_is_loaded(self):
        self.worker.once(self.user.run_once)
        del sys.modules["wanted"]
        self.assertEqual(self.worker.once(self.user.run_once), "a")
        self.assertEqual([fields[1:3] for fields in self.received("heal")], [["import", "success"]])

    def test_broken_file_fails_the_cycle_and_leaves_the_old_module(self):
        del self.wanted.StateFiles
        self.file("wanted", "LIMIT = 6\nclass StateFiles:\n    HEARTBEAT = 1 / 0\n")
        result = self.worker.once(self.user.run_once)
        self.assertEqual((result["clusters"], result["orders"], result["healed"]), (0, 0, False))
        self.assertTrue(result["error"].startswith("name: StateFiles.HEARTBEAT: ZeroDivisionError"))
        self.assertEqual(self.wanted.LIMIT, 5)
        self.assertEqual([fields[:3] for fields in self.received("heal")], [[1, "name", "failed"]])

    def test_bot_is_not_called_when_its_names_are_missing(self):
        self.worker.names("wanted", "NOT_THERE")
        called = []
        self.worker.once(lambda: called.append(1))
        self.assertEqual(called, [])

    def test_three_failures_ask_for_a_restart_and_a_good_cycle_forgives(self):
        for _ in range(2):
            self.worker.once(raises(TypeError("no")))
        self.worker.once(lambda: None)
        for number in range(3):
            self.assertEqual(self.received("restart"), [])
            self.worker.once(raises(TypeError("no")))
        self.assertEqual(self.received("restart"),
                         [["3 failed cycles in a row: internal: TypeError: no"]])

    def lose_inside(self):
        """A NameError in another module's function, as in the bot that this began with."""
        self.user.__dict__.pop("StateFiles", None)
        return self.user.run_once()

    def test_name_error_inside_ends_the_cycle_early_and_the_next_is_good(self):
        self.assertEqual(self.worker.once(self.lose_inside), RESULT)
        self.assertEqual(self.worker.once(self.user.run_once), "a")
        messages = self.received()
        self.assertIn(["heal", 2, "name", "success", "StateFiles: wanted loaded again"], messages)
        self.assertEqual([m[4:6] for m in messages if m[0] == "cycle"],
                         [["import_reload", True], [None, False]])

    def test_name_that_its_user_never_took_over(self):
        exec("def limit():\n    return LIMIT\n", vars(self.user))  # pylint: disable=exec-used
        self.assertEqual(self.worker.once(self.user.limit), RESULT)
        self.assertEqual(self.worker.once(self.user.limit), 5)

    def test_relapse_counts_as_failure(self):
        results = [self.worker.once(self.lose_inside) for _ in range(4)]
        self.assertEqual([r["healed"] for r in results], [True, False, False, False])
        self.assertTrue(results[1]["error"].startswith("name_relapsed: StateFiles: NameError"))
        messages = self.received()
        self.assertEqual([m[3] for m in messages if m[0] == "heal"],
                         ["success", "relapsed", "relapsed", "relapsed"])
        self.assertEqual(messages[-1][0], "restart")

    def test_another_fault_in_each_cycle_is_no_health_either(self):
        results = [self.worker.once(raises(KeyError(number))) for number in range(4)]
        self.assertEqual([r["healed"] for r in results], [True, False, False, False])
        self.assertEqual(len(self.received("restart")), 1)

    def test_unbound_local_heals_once_and_relapses(self):
        def run_once():
            try:
                return StateFiles.HEARTBEAT  # noqa: F823
            finally:
                if not run_once:
                    from wanted import StateFiles  # noqa: F401
        results = [self.worker.once(run_once) for _ in range(4)]
        self.assertEqual([r["healed"] for r in results], [True, False, False, False])
        self.assertEqual(len(self.received("restart")), 1)

    def test_handler_of_the_bot_itself_that_heals_for_ever(self):
        for _ in range(4):
            self.worker.once(lambda: dict(RESULT))
        messages = self.received()
        self.assertEqual([m[2:4] for m in messages if m[0] == "heal"],
                         [["import", "success"]] + [["import", "relapsed"]] * 3)
        self.assertEqual([m[5] for m in messages if m[0] == "cycle"], [True, False, False, False])
        self.assertEqual(messages[-1][0], "restart")

    def test_attribute_of_a_class_that_a_newer_file_has(self):
        self.file("wanted", "class StateFiles:\n    HEARTBEAT = 'a'\n    CACHE = 'newer'\n")
        run_once = lambda: self.user.StateFiles.CACHE  # noqa: E731
        self.assertEqual(self.worker.once(run_once), RESULT)
        self.assertEqual(self.worker.once(run_once), "newer")
        self.assertEqual([f[:3] for f in self.received("heal")], [[2, "attribute", "success"]])

    def test_attribute_that_stays_missing_is_not_healed(self):
        result = self.worker.once(lambda: None.price)  # pylint: disable=no-member
        if sys.version_info >= (3, 10):
            self.assertFalse(result["healed"])
            self.assertEqual([f[2] for f in self.received("heal")], ["failed"])

    def test_import_inside_the_cycle(self):
        def run_once():
            import later  # pylint: disable=import-error
            return later.VALUE
        self.addCleanup(sys.modules.pop, "later", None)
        self.assertFalse(self.worker.once(run_once)["healed"])
        self.assertFalse(self.worker.once(run_once)["healed"])
        self.file("later", "VALUE = 3\n")
        self.assertEqual(self.worker.once(run_once), 3)
        self.assertEqual([f[1:3] for f in self.received("heal")], [["import", "failed"]] * 2)

    def test_key_error_is_healed_once(self):
        self.assertEqual(self.worker.once(raises(KeyError("price"))), RESULT)
        self.worker.once(lambda: None)
        self.assertEqual(self.worker.once(raises(KeyError("price"))), RESULT)
        self.assertEqual([f[:3] for f in self.received("heal")], [[2, "key", "success"]] * 2)

    def test_nothing_is_named_so_nothing_is_healed(self):
        self.worker._names._wanted.clear()
        self.assertFalse(self.worker.once(raises(NameError("name 'x' is not defined")))["healed"])

    def test_other_faults_are_told_by_their_kind(self):
        for error, word in ((ConnectionError("x"), "net: ConnectionError: x"),
                            (FileNotFoundError("y"), "io: FileNotFoundError: y"),
                            (ValueError("z\n1"), "data: ValueError: z 1")):
            self.worker.once(raises(error))
            self.assertEqual(self.reports(), [[word, False]])

    def test_error_that_cannot_be_told_is_told(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no words")
        self.worker.once(raises(Mute()))
        self.assertEqual(self.reports(), [["internal: Mute: ?", False]])

    def test_end_that_cannot_be_looked_at_is_a_failure(self):
        class Hostile:
            def __repr__(self):
                raise RuntimeError("do not look")
            __bool__ = __str__ = __repr__
        for run_once in (raises(KeyError(Hostile())), lambda: {"error": Hostile()},
                         lambda: {"healed": Hostile()}):
            self.assertIn("RuntimeError: do not look", self.worker.once(run_once)["error"])

    def test_exits_pass(self):
        for error in (KeyboardInterrupt(), SystemExit(3)):
            with self.assertRaises(type(error)):
                self.worker.once(raises(error))
        self.assertEqual(self.received("heal"), [])

    def test_report_of_a_failure_is_believed(self):
        self.worker.once(lambda: {"error": "no data", "healed": False})
        self.assertEqual(self.reports(), [["no data", False]])

    def test_reload_takes_new_constants_to_their_users(self):
        self.user.LIMIT, self.user.five = 5, 5
        self.file("wanted", "class StateFiles:\n    HEARTBEAT = 'b'\nLIMIT = 60\n")
        asked = []
        self.worker.on_reload(lambda: asked.append(1))
        self.send("reload")
        self.assertEqual(self.worker.once(self.user.run_once), "b")
        self.assertEqual((self.user.LIMIT, self.user.five, asked), (60, 5, [1]))
        self.assertIs(self.user.Files, self.wanted.StateFiles)
        self.assertEqual(self.received("heal"), [])

    def test_drill_is_refused_without_leave(self):
        self.send("fault", "key")
        self.assertEqual(self.worker.once(self.user.run_once), "a")
        self.assertEqual(self.received("status"), [["fault refused"]])

    def test_drill_of_each_kind(self):
        self.allow_faults()
        for kind in tradesup.KINDS:
            self.send("fault", kind)
            self.worker.once(self.user.run_once)
            self.worker.once(self.user.run_once)
            messages = self.received()
            heals = [m[1:4] for m in messages if m[0] == "heal"]
            errors = [m[4] for m in messages if m[0] == "cycle"]
            if kind in tradesup.HEALABLE:
                self.assertEqual(heals, [[1 if kind == "name" else 2, kind, "success"]])
            else:
                self.assertTrue(errors[0].startswith(kind + ": "), errors)
            self.assertIsNone(errors[1], kind)

    def test_network_is_given_time(self):
        for _ in range(3):
            self.worker.once(raises(ConnectionError()))
        self.assertGreater(self.worker._pause_after(time.monotonic(), 0.1), 3)
        self.worker.once(lambda: None)
        self.assertLess(self.worker._pause_after(time.monotonic(), 0.1), 1)


class Loops(Linked):
    def test_run_returns_after_a_stop_and_makes_safe(self):
        done = []
        self.worker.make_safe(lambda: done.append("safe"))
        self.worker.make_safe(raises(OSError("no broker")))
        self.worker.make_safe(lambda: done.append("safer"))

        def run_once():
            done.append(1)
            if len(done) == 3:
                self.send("stop", 60000)
        self.worker.run(run_once)
        self.assertEqual(done, [1, 1, 1, "safe", "safer"])
        self.assertEqual(self.received()[-1], ["bye"])

    def test_wrapped_method_ends_by_system_exit(self):
        worker = self.worker

        class Bot:
            count = 0

            @worker.cycle
            def run_once(self):
                """Told by help()."""
                self.count += 1
                return self.count

        bot = Bot()
        safe = []
        worker.make_safe(lambda: safe.append(bot.count))
        self.assertEqual([bot.run_once(), bot.run_once()], [1, 2])
        self.assertEqual(Bot.run_once.__doc__, "Told by help().")
        worker.sleep(0.01)
        self.send("stop", 60000)
        with self.assertRaises(SystemExit) as caught:
            bot.run_once()
        self.assertEqual((caught.exception.code, safe), (0, [2]))

    def test_sleep_is_full_of_heartbeats(self):
        with mock.patch.object(tradesup, "BEAT_S", 0.01):
            self.received()
            self.worker.sleep(0.2)
        self.assertGreater(len(self.received("heartbeat")), 2)

    def test_async_bot(self):
        done = []

        @self.worker.make_safe
        async def cancel():
            done.append("safe")

        async def run_once():
            await asyncio.sleep(0)
            done.append(1)
            if len(done) == 2:
                self.send("stop", 60000)
                raise KeyError("price")
        asyncio.run(self.worker.run_async(run_once))
        self.assertEqual(done, [1, 1, "safe"])
        messages = self.received()
        self.assertIn(["heal", 2, "key", "success", "'price': wanted loaded again"], messages)
        self.assertEqual(messages[-1], ["bye"])

    def test_async_cycle_that_would_leave_no_time_is_cancelled(self):
        ends = []

        async def run_once():
            self.send("stop", 200)
            try:
                await asyncio.sleep(harness.TIMEOUT)
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise
        with mock.patch.object(tradesup, "BEAT_S", 0.01):
            asyncio.run(self.worker.run_async(run_once))
        self.assertEqual(ends, ["cancelled"])
        self.assertEqual(self.reports(), [[tradesup.CUT_ERROR, False]])

    def test_wrapped_coroutine_function(self):
        async def run_once():
            return 5
        wrapped = self.worker.cycle(run_once)
        self.assertEqual(asyncio.run(wrapped()), 5)
        self.send("stop", 1000)
        with self.assertRaises(SystemExit):
            asyncio.run(wrapped())


class Alone(unittest.TestCase):
    """Without a supervisor."""

    def setUp(self):
        os.environ.pop("TRADESUP_FD", None)
        self.worker = tradesup.Worker()
        self.worker.names("no.such.module", "x")

    def test_nothing_happens_but_the_loop(self):
        handler = signal.getsignal(signal.SIGTERM)
        count = []

        def run_once():
            count.append(1)
            if len(count) == 3:
                raise KeyError("price")
        self.assertIs(self.worker.cycle(run_once), run_once)
        with self.assertRaises(KeyError):
            self.worker.run(run_once)
        self.assertEqual(len(count), 3)
        self.assertIs(signal.getsignal(signal.SIGTERM), handler)
        self.assertFalse(self.worker.supervised or self.worker.stopping or self.worker.held)
        self.assertTrue(self.worker.heartbeat("x"))
        self.worker.status("x")
        self.worker.ready()
        self.worker.restart("x")
        self.worker.sleep(0)

    def test_async_loop(self):
        async def run_once():
            raise KeyError("price")
        with self.assertRaises(KeyError):
            asyncio.run(self.worker.run_async(run_once))

    def test_variable_that_names_no_such_socket(self):
        first, second = socket.socketpair()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        for text in ("", "x", "-1", "99999", "9" * 30, "0x3", str(first.fileno()),
                     str(sys.stdout.fileno())):
            os.environ["TRADESUP_FD"] = text
            self.assertFalse(tradesup.Worker().supervised, text)
        del os.environ["TRADESUP_FD"]
        os.fstat(first.fileno())  # still open: it was not ours


class Process(unittest.TestCase):
    """Signals and the end of the link, on a process."""

    def start(self, text, first=""):
        box = Box()
        self.addCleanup(box.close)
        program = box.file("bot.py", first + "import os, time\nimport tradesup\nworker = tradesup.Worker()\n"
                           + textwrap.dedent(text))
        worker = fakesup.Worker(box, command=[sys.executable, program],
                                environ={"PYTHONPATH": CLIENT})
        self.addCleanup(worker.kill)
        return worker

    LONG = """
        worker.make_safe(lambda: print("safe", flush=True))
        def run_once():
            print("in", flush=True)
            time.sleep(600)
        worker.run(run_once)
        """

    def wait_for_long_cycle(self, worker):
        worker.wait_for("heartbeat", phase="run")
        self.assertEqual(worker.process.stdout.readline(), b"in\n")

    def test_cycle_that_would_outlive_its_deadline_is_cut(self):
        worker = self.start(self.LONG)
        self.wait_for_long_cycle(worker)
        worker.send("stop", 400)
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.end(), 0, worker.messages)
        self.assertIn("safe", worker.out)
        self.assertEqual(worker.messages[-1]["type"], "bye")

    def test_sigterm_alone_lets_the_cycle_end(self):
        worker = self.start("""
            worker.make_safe(lambda: print("safe", flush=True))
            def run_once():
                print("in", flush=True)
                os.read(0, 1)
                time.sleep(0.05)
                print("out", flush=True)
            worker.run(run_once)
            """)
        # Standard input is at its end: the read returns at once, the sleep goes on after the signal.
        self.wait_for_long_cycle(worker)
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.end(), 0)
        self.assertRegex(worker.out, "out\n(in\nout\n)*safe\n$")

    def test_end_of_file_makes_safe_and_exits(self):
        worker = self.start("""
            worker.make_safe(lambda: print("safe", flush=True))
            worker.run(lambda: None, every=0.05)
            """)
        worker.wait_for("cycle", count=2)
        worker.link.close()
        self.assertEqual(worker.status(), 0)
        self.assertEqual(worker.out, "safe\n")

    def test_handler_of_the_bot_is_left_alone(self):
        worker = self.start("""
            worker.status("here")
            time.sleep(600)
            """, first="import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(5))\n")
        worker.wait_for("status")
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.end(), 5)

    def test_child_does_not_keep_the_link(self):
        worker = self.start("""
            import subprocess
            child = subprocess.Popen(["sleep", "600"], close_fds=False)
            worker.status(str(child.pid))
            os._exit(0)
            """)
        child = int(worker.wait_for("status")["text"])
        self.addCleanup(os.kill, child, signal.SIGKILL)
        harness.wait_until(lambda: worker.receive(1) and worker.ended, "the end of the link")

    def test_pydoc_reads_well(self):
        out = subprocess.run([sys.executable, "-m", "pydoc", "tradesup"], stdout=subprocess.PIPE,
                             env=dict(os.environ, PYTHONPATH=CLIENT), text=True, check=True).stdout
        for word in ("worker.run(bot.run_once, every=5)", "class Worker", "make_safe"):
            self.assertIn(word, out)

    def test_everything_public_is_documented(self):
        for name in dir(tradesup.Worker):
            if not name.startswith("_"):
                self.assertTrue(getattr(tradesup.Worker, name).__doc__, name)


if __name__ == "__main__":
    harness.main()
