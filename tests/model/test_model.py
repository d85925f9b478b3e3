# SPDX-License-Identifier: Apache-2.0
"""spin walks through every state of order.pml: nothing is violated, and each mistake that can be
put into the model is found in it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import harness  # noqa: E402

MODEL = os.path.join(HERE, "order.pml")
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or ""
BROKERS = ["FOREVER", "REPLAY", "OPEN_ONLY", "NO_DEDUP"]

# A mistake, the brokers with whom it does harm, and which of the properties it violates.
TWICE, FORGOTTEN, UNRECORDED = "orders<=1", "(orders==1)==(j_status==", "assertion violated 0"
MISTAKES = [
    ("NO_LOOKUP", "OPEN_ONLY", TWICE), ("NO_LOOKUP", "NO_DEDUP", TWICE), ("NO_LOOKUP", "FOREVER", FORGOTTEN),
    ("SEND_FIRST", "FOREVER", UNRECORDED), ("TRUST_INTENT", "OPEN_ONLY", TWICE),
    ("TRUST_INTENT", "FOREVER", FORGOTTEN), ("LOST_IS_FAILED", "FOREVER", FORGOTTEN),
    ("NO_WATCH", "FOREVER", FORGOTTEN), ("DENIED_IS_FINAL", "FOREVER", FORGOTTEN),
    ("RESEND_ANYWHERE", "OPEN_ONLY", TWICE), ("TIME_CLOSES", "FOREVER", FORGOTTEN),
]


@unittest.skipUnless(shutil.which("spin") and COMPILER, "spin or a C compiler is not installed")
class Model(unittest.TestCase):
    def call(self, *command):
        return subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=300)

    def search(self, macros, compiler_options, options):
        """Walk through all states. Returns the verifier's report."""
        with tempfile.TemporaryDirectory(prefix="tradesup-model-") as self.folder:
            shutil.copy(MODEL, self.folder)
            made = self.call("spin", "-a", *("-D" + macro for macro in macros), "order.pml")
            self.assertEqual(made.returncode, 0, made.stdout)
            made = self.call(COMPILER, "-O0", "-w", *compiler_options, "-o", "pan", "pan.c")
            self.assertEqual(made.returncode, 0, made.stdout)
            report = self.call("./pan", "-n", "-m1000000", *options).stdout
        self.assertNotIn("max search depth too small", report)
        return report

    def safety(self, *macros):
        return self.search(macros, ["-DSAFETY", "-DNOCLAIM"], [])

    def test_nothing_is_sent_twice_or_forgotten(self):
        for broker in BROKERS:
            with self.subTest(broker=broker):
                report = self.safety("DEDUP=" + broker)
                self.assertIn("errors: 0", report)
                states = next(line for line in report.splitlines() if "states, stored" in line)
                self.assertGreater(int(states.split()[0]), 10000, "hardly a state: a weak model")

    def test_every_order_comes_to_an_end(self):
        for broker in BROKERS:
            with self.subTest(broker=broker):
                self.assertIn("errors: 0", self.search(["DEDUP=" + broker], ["-DNFAIR=3"], ["-a", "-f"]))

    def test_an_order_that_never_ends_is_found(self):
        """With look-ups that never succeed there is no end: the check of ends is one."""
        report = self.search(["DEDUP=FOREVER", "DEAF"], ["-DNFAIR=3"], ["-a", "-f"])
        self.assertIn("errors: 1", report)
        self.assertIn("acceptance cycle", report)


def add_case(mistake, broker, violated):
    def check(self):
        report = self.safety("DEDUP=" + broker, mistake)
        self.assertIn("errors: 1", report)
        self.assertIn(violated, report)
    setattr(Model, "test_%s_is_found_with_%s" % (mistake.lower(), broker.lower()), check)


for one_mistake in MISTAKES:
    add_case(*one_mistake)


if __name__ == "__main__":
    harness.main()
