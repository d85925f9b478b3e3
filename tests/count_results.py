# SPDX-License-Identifier: Apache-2.0
"""Count what `meson test` found in some build folders, and print one line, behind the end of what each
program that failed has said:

    N passed, N failed, N skipped

usage: count_results.py FAILURES DIR...
       count_results.py --failed DIR

A program that failed was run again (`--logbase again`): what it came to then counts, and that it failed before is
told, with what it said. --failed: print the names of those that failed, for that second run; none where they are
too many for chance.

FAILURES are counted, too (builds that broke). Where a test program reports its cases (TAP), each
is counted; a program that failed as a whole counts as one failure at least. Exit status: 0 if something
passed and nothing failed.
"""

import json
import os
import sys
import xml.etree.ElementTree

AGAIN, AGAIN_MAX = "again", 4  # the second run's log, and of how many programs at the most
LINES_TOLD = 20  # of a program's stderr
GOOD, SKIPPED = ("OK", "EXPECTEDFAIL"), ("SKIP", "IGNORED")


def cases(directory, log):
    """{program: [passed, failed, skipped]} from the cases that each program reported."""
    tree = xml.etree.ElementTree.parse(os.path.join(directory, "meson-logs", log + ".junit.xml"))
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


def programs(directory, log):
    """{program: its entry in meson's log}"""
    with open(os.path.join(directory, "meson-logs", log + ".json")) as file:
        tests = [json.loads(line) for line in file]
    return {test["name"]: test for test in tests}


def results(directory, log):
    """{program: ([passed, failed, skipped], its entry in meson's log)}"""
    found, reported = {}, cases(directory, log)
    for name, test in programs(directory, log).items():
        result = test["result"]
        counts = reported.get(name, [0, 0, 0])
        if result in GOOD + SKIPPED and not any(counts):
            counts[0 if result in GOOD else 2] = 1
        elif result not in GOOD + SKIPPED and not counts[1]:
            counts[1] = 1
        found[name] = (counts, test)
    return found


def names_failed(directory):
    """The tests that failed, as `meson test` takes their names."""
    names = [name.rpartition(" / ")[2] for name, (counts, _) in results(directory, "testlog").items() if counts[1]]
    return names if len(names) <= AGAIN_MAX else []


def tell_failure(directory, test, how):
    print("-- %s in %s/: %s after %.0f s%s" % (test["name"], directory, test["result"], test["duration"], how))
    said = [line for line in test.get("stdout", "").splitlines() if line.startswith(("not ok", "Bail out", "# TRADESUP_SEED"))]
    said += test.get("stderr", "").splitlines()[-LINES_TOLD:]
    print("".join(line + "\n" for line in said))


def count(directory):
    total = [0, 0, 0]
    again = os.path.exists(os.path.join(directory, "meson-logs", AGAIN + ".json")) and results(directory, AGAIN) or {}
    for name, (counts, test) in results(directory, "testlog").items():
        if counts[1]:
            second, _ = again.get(name, (counts, None))
            tell_failure(directory, test, "" if second[1] else "; passed when it was run again, alone")
            counts = second
        total = [sum(pair) for pair in zip(total, counts)]
    return total


def main():
    if sys.argv[1] == "--failed":
        print("\n".join(names_failed(sys.argv[2])))
        return
    passed, failed, skipped = 0, int(sys.argv[1]), 0
    for directory in sys.argv[2:]:
        counts = count(directory)
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
