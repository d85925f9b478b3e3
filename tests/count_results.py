# SPDX-License-Identifier: Apache-2.0
"""Count what `meson test` found in some build folders, and print one line, behind the end of what each
program that failed has said:

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

LINES_TOLD = 20  # of a program's stderr
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
    """Each test program, as meson's log has it."""
    with open(os.path.join(directory, "meson-logs", "testlog.json")) as file:
        for line in file:
            yield json.loads(line)


def tell_failure(directory, test):
    print("-- %s in %s/: %s after %.0f s" % (test["name"], directory, test["result"], test["duration"]))
    said = [line for line in test.get("stdout", "").splitlines() if line.startswith(("not ok", "Bail out"))]
    said += test.get("stderr", "").splitlines()[-LINES_TOLD:]
    print("".join(line + "\n" for line in said))


def count(directory):
    total = [0, 0, 0]
    reported = cases(directory)
    for test in programs(directory):
        result = test["result"]
        counts = reported.get(test["name"], [0, 0, 0])
        if result in GOOD + SKIPPED and not any(counts):
            counts[0 if result in GOOD else 2] = 1
        elif result not in GOOD + SKIPPED and not counts[1]:
            counts[1] = 1
        if counts[1]:
            tell_failure(directory, test)
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
