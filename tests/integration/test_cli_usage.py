# SPDX-License-Identifier: Apache-2.0
"""The command line itself: help, what is said about a wrong one, exit statuses, completions."""

import os
import re
import shutil
import socket
import subprocess
import unittest

import harness
from harness import (EXIT_CONFIG, EXIT_OK, EXIT_OSERR, EXIT_UNAVAILABLE, EXIT_USAGE, TRADESUP, TREE,
                     Box)

VERBS = ["run", "check", "drill", "status", "top", "why", "events", "logs", "start", "stop",
         "restart", "signal", "hold", "resume", "add", "remove", "reload", "ledger", "reconcile",
         "panic", "healing", "alert", "crashes", "completion", "upgrade", "version", "help"]


@unittest.skipUnless(os.access(TRADESUP, os.X_OK), "tradesup is not built")
class Usage(unittest.TestCase):
    def setUp(self):
        self.box = Box()
        self.addCleanup(self.box.close)
        # No supervisor and no configuration of this machine may answer.
        self.box.environ.update(XDG_RUNTIME_DIR=self.box.path, XDG_CONFIG_HOME=self.box.path,
                                XDG_STATE_HOME=self.box.path)

    def call(self, *arguments):
        return subprocess.run([TRADESUP, *arguments], env=self.box.environ, cwd=self.box.path,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT, check=False)

    def assert_says(self, arguments, status, *words):
        """It prints nothing on standard output, and one line with all @words on standard error."""
        result = self.call(*arguments)
        with self.subTest(arguments):
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertEqual(result.stdout, "")
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
            for word in words:
                self.assertIn(word, result.stderr)

    def test_nothing_is_a_mistake(self):
        result = self.call()
        self.assertEqual(result.returncode, EXIT_USAGE)
        self.assertEqual(result.stdout, "")
        for verb in VERBS:
            self.assertRegex(result.stderr, r"(?m)^  %s +\S" % verb)

    def test_help_on_standard_output(self):
        for arguments in (["--help"], ["-h"], ["help"], ["--", "help"]):
            result = self.call(*arguments)
            self.assertEqual((result.returncode, result.stderr), (EXIT_OK, ""))
            self.assertEqual(re.findall(r"(?m)^  ([a-z]+) ", result.stdout), VERBS)

    def test_help_of_each_verb(self):
        for verb in VERBS:
            with self.subTest(verb):
                result = self.call(verb, "--help")
                self.assertEqual((result.returncode, result.stderr), (EXIT_OK, ""))
                self.assertTrue(result.stdout.startswith("usage: tradesup " + verb))
                for part in ("\noptions:\n", "--config FILE", "--help", "\nexample:\n  tradesup " + verb,
                             "\nexit status:\n  0"):
                    self.assertIn(part, result.stdout)
                for other in (["help", verb], ["-h", verb], [verb, "operand", "-h", "another"]):
                    self.assertEqual(self.call(*other).stdout, result.stdout)

    def test_version(self):
        for arguments in (["--version"], ["-V"], ["version"]):
            result = self.call(*arguments)
            self.assertEqual((result.returncode, result.stderr), (EXIT_OK, ""))
            self.assertRegex(result.stdout, r"^tradesup \d+\.\d+\.\d+\n$")
        self.assertRegex(self.call("version", "--json").stdout, r'^{"version":"[0-9.]+","protocol":1}\n$')

    def test_unknown_verb(self):
        self.assert_says(["stauts"], EXIT_USAGE, "unknown verb 'stauts'", "'status'?", "--help")
        self.assert_says(["-c", "x", "stauts"], EXIT_USAGE, "'status'?")
        self.assert_says(["frobnicate"], EXIT_USAGE, "unknown verb 'frobnicate'", "--help")
        self.assert_says(["help", "strat"], EXIT_USAGE, "unknown verb 'strat'", "'start'?")

    def test_unknown_option(self):
        self.assert_says(["status", "--jsn"], EXIT_USAGE, "'--jsn'", "'--json'?", "status --help")
        self.assert_says(["--jsn", "status"], EXIT_USAGE, "'--jsn'", "'--json'?")
        self.assert_says(["events", "--folow"], EXIT_USAGE, "'--follow'?")
        self.assert_says(["status", "-x"], EXIT_USAGE, "unknown option '-x'")
        self.assert_says(["status", "--follow"], EXIT_USAGE, "unknown option '--follow'")
        self.assert_says(["--hepl"], EXIT_USAGE, "'--hepl'", "'--help'?")

    def test_values(self):
        self.assert_says(["status", "-c"], EXIT_USAGE, "needs a value")
        self.assert_says(["status", "--json=yes"], EXIT_USAGE, "takes no value")
        self.assert_says(["events", "-n", "many"], EXIT_USAGE, "'many' is not a whole number")
        self.assert_says(["logs", "--lines=-1"], EXIT_USAGE, "'-1' is not a whole number")
        self.assert_says(["run", "--log-level", "loud"], EXIT_USAGE, "'loud'", "warning")
        self.assert_says(["run", "--log-format", "xml"], EXIT_USAGE, "'xml'", "logfmt")

    def test_operands(self):
        self.assert_says(["start"], EXIT_USAGE, "needs WORKER")
        self.assert_says(["ledger"], EXIT_USAGE, "needs WORKER")
        self.assert_says(["ledger", "a", "b"], EXIT_USAGE, "too many operands: 'b'")
        self.assert_says(["check", "a"], EXIT_USAGE, "too many operands: 'a'")
        self.assert_says(["status", "--", "--json", "-f"], EXIT_USAGE, "too many operands: '-f'")
        self.assert_says(["crashes", "nosuch"], EXIT_USAGE, "there is no report 'nosuch'")
        self.assert_says(["crashes", "../healing"], EXIT_USAGE, "there is no report '../healing'")
        self.assert_says(["run", "sleep", "1"], EXIT_USAGE, "put '--' before", "'sleep'")
        self.assert_says(["run", "-c", "x", "--", "sleep", "1"], EXIT_USAGE, "either")

    def test_no_supervisor(self):
        path = os.path.join(self.box.path, "tradesup", "control")
        for arguments in (["status"], ["status", "--json"], ["events", "-f"], ["logs"], ["stop", "flow"]):
            self.assert_says(arguments, EXIT_UNAVAILABLE, "no supervisor answers at " + path)

    def test_socket_without_a_listener(self):
        """What a supervisor leaves behind that was killed."""
        self.box.file("tradesup/x", "")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.box.path, "tradesup", "control"))
        self.assert_says(["status"], EXIT_UNAVAILABLE, "no supervisor answers", "refused")

    def test_named_configuration_must_be_good(self):
        broken = self.box.file("broken.conf", "worker flow {\n  nonsense = 1\n  trading { }\n}\n")
        for verb in (["status"], ["events"], ["logs"], ["start", "flow"], ["healing"], ["crashes"],
                     ["check"], ["run"], ["drill"]):
            with self.subTest(verb):
                missing = self.call(*verb, "-c", "missing.conf")
                self.assertEqual(missing.returncode, EXIT_CONFIG, missing.stderr)
                self.assertIn("missing.conf", missing.stderr)
                result = self.call("--config=" + broken, *verb)
                self.assertEqual(result.returncode, EXIT_CONFIG, result.stderr)
                self.assertIn("broken.conf:2:", result.stderr)
                self.assertIn("nonsense", result.stderr)

    def test_default_configuration_may_be_broken(self):
        """Status and statistics must be had while somebody edits it; run and check must not."""
        self.box.file("tradesup/tradesup.conf", "worker flow {\n")
        self.assertEqual(self.call("status").returncode, EXIT_UNAVAILABLE)
        self.assertEqual(self.call("healing").returncode, EXIT_OK)
        self.assertEqual(self.call("crashes").returncode, EXIT_OK)
        self.assertEqual(self.call("run").returncode, EXIT_CONFIG)
        self.assertEqual(self.call("check").returncode, EXIT_CONFIG)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([TRADESUP, "healing", "--json"], env=self.box.environ, stdout=full,
                                    stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, EXIT_OSERR)
        self.assertIn("standard output: No space left", result.stderr)

    def test_completions_know_everything(self):
        for shell in ("bash", "zsh", "fish"):
            words = set(re.findall(r"[a-z][a-z-]*", self.call("completion", shell).stdout))
            for verb in VERBS:
                options = re.findall(r"(?m)^  .*--([a-z-]+)", self.call(verb, "--help").stdout)
                self.assertIn("help", options)
                missing = sorted(({verb} | set(options)) - words)
                self.assertEqual(missing, [], "of %s in %s" % (verb, shell))

    def test_completions_are_good_shell(self):
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                script = self.box.file("script", self.call("completion", shell).stdout)
                result = subprocess.run([shell, "-n", script], stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual((result.returncode, result.stderr), (0, ""), shell)

    def test_bash_completion(self):
        source = self.box.file("tradesup.bash", self.call("completion", "bash").stdout)
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tradesup; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')

        def complete(*words):
            result = subprocess.run(
                ["bash", "-c", script, "bash", source, "tradesup", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                cwd=self.box.path, check=True)
            self.assertEqual(result.stderr, "")
            return result.stdout.split()

        self.box.file("some.conf", "")
        self.assertEqual(complete("st"), ["status", "start", "stop"])
        self.assertEqual(complete("-c", "some.conf", "he"), ["healing", "help"])
        self.assertEqual(complete("drill", "--k"), ["--keep"])
        self.assertEqual(complete("run", "--log-format", ""), ["logfmt", "json"])
        self.assertEqual(complete("help", "cr"), ["crashes"])
        self.assertEqual(complete("status", "-c", "so"), ["some.conf"])


if __name__ == "__main__":
    harness.main()
