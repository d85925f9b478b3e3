# SPDX-License-Identifier: Apache-2.0
"""The keys to the account are seen by nobody but the broker: not in a log, an event, a crash report, the state
directory, the process list, a child's environment, nor in what a verb prints.
"""

import glob
import os
import signal

import harness
from alpaca_lies import Rule
from real_broker import KEY, BrokerCase
from trading import WORKER_NAME

SECRETS = [word.encode() for word in KEY]


class Secrets(BrokerCase):
    def files_with_secrets(self):
        """Files in the box, the two of the keys aside, in which one of them stands."""
        found = []
        for folder, _, names in os.walk(self.box.path):
            for name in names:
                path = os.path.join(folder, name)
                if path in self.files.values() or not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    data = file.read()
                found += [path for secret in SECRETS if secret in data]
        return found

    def processes_with_secrets(self, run):
        found = []
        for pid in [run.pid, *harness.descendants(run.pid)]:
            for name in ("cmdline", "environ"):
                try:
                    with open("/proc/%d/%s" % (pid, name), "rb") as file:
                        data = file.read()
                except OSError:
                    continue
                found += ["%d %s" % (pid, name) for secret in SECRETS if secret in data]
        return found

    def output_of(self, run):
        with run.changed:
            return (repr(run.events) + repr(run.noise)).encode()

    def trouble(self):
        """A network in which everything goes wrong that has a message of its own."""
        kinds = ("place", "lookup", "account", "positions", "list")
        answers = ("401", "403_html", "broken_json", "reset", "truncated_head", "500", "foreign_json", "none")
        self.standin.tell(*(Rule(kind, answer, skip=0) for kind in kinds for answer in answers if answer != "401"))

    def check(self, environ=None):
        self.trouble()
        with self.running(environ) as run:
            run.wait_for("order.sent")
            processes = self.processes_with_secrets(run)
            os.kill(run.worker_pid(WORKER_NAME), signal.SIGABRT)
            run.wait_for("worker.exit", signal="ABRT")
            run.wait_for("order.filled", timeout=120)
            processes += self.processes_with_secrets(run)
            verbs = [("status",), ("why", WORKER_NAME), ("events",), ("logs", WORKER_NAME), ("healing",),
                     ("ledger", WORKER_NAME), ("reconcile", WORKER_NAME), ("crashes",)]
            printed = b"".join((result.stdout + result.stderr).encode()
                               for result in (self.box.call(*verb) for verb in verbs))
            run.stop()
        said = self.output_of(run) + printed
        for secret in SECRETS:
            self.assertNotIn(secret, said)
        self.assertTrue(glob.glob(os.path.join(self.box.state, "**", "*crash*"), recursive=True), "no crash report")
        self.assertEqual(self.files_with_secrets(), [])
        return processes

    def test_keys_from_files(self):
        self.prepare_rounds(1, 1, follow="yes")
        self.assertEqual(self.check(environ={"TRADESUP_TEST": "log"}), [])

    def test_keys_from_the_environment(self):
        """The environment of the supervisor and of this worker has them, as it was asked to; nothing else does."""
        self.prepare_rounds(1, 1, follow="yes", key_id_file="", secret_key_file="")
        for path in self.files.values():
            os.unlink(path)
        found = self.check(environ={"APCA_API_KEY_ID": KEY[0], "APCA_API_SECRET_KEY": KEY[1]})
        self.assertEqual([place for place in found if place.endswith("cmdline")], [])

    def test_no_other_program_is_given_them(self):
        """Another worker, its probe and make-safe, and the last words: each writes down what it was given."""
        self.prepare_rounds(1, 1, follow="yes", key_id_file="", secret_key_file="")
        for path in self.files.values():
            os.unlink(path)
        told = lambda name: ["sh", "-c", "env > %s.part && mv %s.part %s" % ((os.path.join(self.box.path, name),) * 3)]
        worker = {"command": ["sh", "-c", told("worker.env")[2] + "; exec sleep 1000000"], "heartbeat": "0s",
                  "restart_delay": "1s",  # so that it can be made safe before
                  "probe": {"exec": told("probe.env"), "interval": "100ms"},
                  "make_safe": {"command": told("safe.env")}}
        with open(self.box.config, "a") as file:
            file.write(harness.config_section("worker other", worker) + "\n")
        there = lambda name: os.path.exists(os.path.join(self.box.path, name))
        with self.running({"APCA_API_KEY_ID": KEY[0], "APCA_API_SECRET_KEY": KEY[1]}) as run:
            run.wait_for("order.filled")
            harness.wait_until(lambda: there("probe.env") and there("worker.env"), "worker and probe")
            found = {int(place.split()[0]) for place in self.processes_with_secrets(run)}
            workers = {run.worker_pid(WORKER_NAME), run.worker_pid("other")}
            self.assertEqual(found & workers, set())
            os.kill(run.worker_pid("other"), signal.SIGKILL)
            harness.wait_until(lambda: there("safe.env"), "make-safe")
            run.stop()
        self.assertEqual(self.files_with_secrets(), [])

    def test_a_bot_without_our_worker_keeps_them(self):
        """Then they are variables like any other."""
        path = os.path.join(self.box.path, "bot.env")
        self.box.write_config({"bot": {"command": ["sh", "-c", "env > %s; exec sleep 1000000" % path],
                                       "heartbeat": "0s"}})
        with self.running({"APCA_API_KEY_ID": KEY[0]}) as run:
            harness.wait_until(lambda: self.files_with_secrets() == [path], "the variable in the bot")
            run.stop()

    def test_a_wrong_key_is_not_told_either(self):
        self.prepare_rounds(1, 1)
        self.standin.key = ("another", "key")
        with self.running() as run:
            run.wait_for("broker.locked")
            self.assertEqual(self.processes_with_secrets(run), [])
            run.stop()
        for secret in SECRETS:
            self.assertNotIn(secret, self.output_of(run))
        self.assertEqual(self.files_with_secrets(), [])

    def test_the_secrets_are_where_they_may_be(self):
        """The search finds what it looks for."""
        self.box.file("leak", b"key=" + SECRETS[1] + b"\n")
        self.assertEqual(len(self.files_with_secrets()), 1)


class Core(BrokerCase):
    """A core file, where the kernel writes one into the folder of the process."""

    def pattern(self):
        with open("/proc/sys/kernel/core_pattern") as file:
            return file.read().strip()

    def test_no_core_has_them(self):
        if "/" in self.pattern() or self.pattern().startswith("|"):
            self.skipTest("cores go elsewhere: " + self.pattern())
        self.prepare_rounds(1, 1, follow="yes")
        with self.running() as run:
            run.wait_for("order.filled")
            os.kill(run.worker_pid(WORKER_NAME), signal.SIGABRT)
            run.wait_for("worker.exit", signal="ABRT")
            run.stop()
        for path in glob.glob(os.path.join(self.box.path, "**", "core*"), recursive=True):
            with open(path, "rb") as file:
                data = file.read()
            self.assertEqual([secret for secret in SECRETS if secret in data], [], path)


if __name__ == "__main__":
    harness.main()
