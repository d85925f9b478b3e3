# SPDX-License-Identifier: Apache-2.0
"""Count what `meson test` found in some build folders, and print one line:

    N passed, N failed, N skipped

usage: count_results.py FAILURES DIR...

FAILURES are counted, too (builds that broke). Where a test program reports its cases (TAP), each
is counted; a program that failed as a whole counts as one failure at least. Exit status: 0 if something
passed and nothing failed.
"""

import json
import os
import sys
import xml.etree.ElementTree

GOOD, SKIPPED = ("OK", "EXPECTEDFAIL"), ("SKIP", "IGNORED")


def cases(directory):
    """{program: [passed, failed, skipped]} from the cases that each program reported."""
    tree = xml.etree.ElementTree.parse(os.path.join(directory, "meson-logs", "testlog.junit.xml"))
    found = {}
    for suite in tree.getroot().iter("testsuite"):
        program = suite.get("name").partition(".")[2]
        if not program:
            continue
        counts = found.setdefault(program, [0, 0, 0])
        for case in suite.iter("testcase"):
            failed = case.find("failure") is not None or case.find("error") is not None
            counts[1 if failed else 2 if case.find("skipped") is not None else 0] += 1
    return found


def programs(directory):
    """(program, result) of each test program."""
    with open(os.path.join(directory, "meson-logs", "testlog.json")) as file:
        for line in file:
            test = json.loads(line)
            yield test["name"], test["result"]


def count(directory):
    total = [0, 0, 0]
    reported = cases(directory)
    for name, result in programs(directory):
        counts = reported.get(name, [0, 0, 0])
        if result in GOOD + SKIPPED and not any(counts):
            counts[0 if result in GOOD else 2] = 1
        elif result not in GOOD + SKIPPED and not counts[1]:
            counts[1] = 1
        total = [sum(pair) for pair in zip(total, counts)]
    return total


def main():
    passed, failed, skipped = 0, int(sys.argv[1]), 0
    for directory in sys.argv[2:]:
        counts = count(directory)
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
