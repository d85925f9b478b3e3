# SPDX-License-Identifier: Apache-2.0
"""The rules of supervision against a real Erlang/OTP: the cases that are known, and random ones.

`tests/otp/compare` is the same with more cases.
"""

import importlib.machinery
import importlib.util
import os
import random
import shutil
import tempfile
import unittest

import harness

COMPARE = os.path.join(harness.TREE, "tests", "otp", "compare")
CASES = 200
SEED = int(os.environ.get("TRADESUP_SEED", random.SystemRandom().randrange(10**6)))


def load(path):
    loader = importlib.machinery.SourceFileLoader("compare", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(module)
    return module


compare = load(COMPARE)


@unittest.skipUnless(shutil.which("erlc") and shutil.which("erl"), "there is no Erlang/OTP")
class Otp(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="tradesup-otp-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.erlang = compare.Erlang(directory.name)

    def test_the_known_cases_are_what_it_does(self):
        self.assertEqual(list(compare.unlike_known(self.erlang)), [])

    def test_random_cases(self):
        print("# TRADESUP_SEED=%d" % SEED, flush=True)
        compared, disagree = compare.compare_random(self.erlang, self.directory, CASES, SEED)
        self.assertEqual(disagree, [])
        self.assertGreater(compared, CASES // 4, "a weak test")

    def test_a_difference_is_seen(self):
        case = ("r1", ["root one_for_one 1/60", "  a", "  b"], ["100 kill a", "300 end"],
                "start a, start b, exit a abnormal, start a, stop b, stop a, final stopped")
        self.assertEqual(compare.disagreements(self.directory, [case]), [])
        other = (*case[:3], case[3].replace("stop b, stop a", "stop a, stop b"))
        self.assertEqual([name for name, _, _ in compare.disagreements(self.directory, [other])], ["r1"])


if __name__ == "__main__":
    harness.main()
