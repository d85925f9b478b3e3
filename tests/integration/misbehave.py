# SPDX-License-Identifier: Apache-2.0
"""A worker that speaks the protocol, well or badly.

usage: misbehave.py MODE

Each mode is a function below, named after it. With the standard library alone: the few forms of
msgpack that are needed are written here, a second time and from the specification.
"""

import os
import select
import signal
import socket
import struct
import sys


def pack(value):
    """msgpack of None, booleans, integers, short text and arrays of them."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape")
        return struct.pack(">BH", 0xDA, len(text)) + text
    return struct.pack(">BH", 0xDC, len(value)) + b"".join(pack(item) for item in value)


class Link:
    def __init__(self):
        self.socket = socket.socket(fileno=int(os.environ["TRADESUP_FD"]))
        self.number = 0

    def send(self, *message):
        self.socket.send(pack(list(message)))

    def hello(self):
        self.send("hello", 1, os.environ.get("TRADESUP_WORKER", "worker"), os.getpid())

    def begin(self):
        self.hello()
        self.send("ready")

    def heartbeat(self):
        self.send("heartbeat", self.number, "fetch")

    def cycle(self, error=None):
        self.number += 1
        self.send("cycle", self.number, 0, 0, error, False, 1000)


def pause():
    while True:
        signal.pause()


def tick(link):
    """The pause between two cycles; ends with the supervisor's wish to stop, or its end."""
    if select.select([link.socket], [], [], 0.02)[0]:
        sys.exit(0)


def good(link):
    """Cycles, all good."""
    while True:
        link.heartbeat()
        link.cycle()
        tick(link)


def calm(link):
    """Good cycles, five in a second."""
    while True:
        link.heartbeat()
        link.cycle()
        if select.select([link.socket], [], [], 0.2)[0]:
            sys.exit(0)


def silent(link):
    """Some good cycles, and then not a word."""
    for _ in range(3):
        link.cycle()
    pause()


def stuck(link):
    """The loop lives, but the cycle number stands still."""
    link.cycle()
    while True:
        link.heartbeat()
        tick(link)


def is_first_life():
    path = os.path.join(os.environ["TRADESUP_TEST_BOX"], "lived")
    is_first = not os.path.exists(path)
    with open(path, "w"):
        pass
    return is_first


def failing_until_killed(link):
    """In its first life every cycle fails, in the next one all are good."""
    if is_first_life():
        failing(link)
    good(link)


def stuck_until_killed(link):
    """In its first life the cycle number stands still."""
    if is_first_life():
        stuck(link)
    good(link)


def never_ready(link):
    """Says who it is, and is never ready."""
    link.hello()
    pause()


def failing(link):
    """Every cycle fails."""
    while True:
        link.cycle("the exchange is on fire")
        tick(link)


def one_failed_cycle(link):
    """Lives long enough to report a failed cycle, and crashes."""
    link.cycle("no luck")
    sys.exit(1)


def one_good_cycle(link):
    """Lives long enough to report a good cycle, and crashes."""
    link.cycle()
    sys.exit(1)


def asks(link):
    """Asks to be restarted."""
    link.send("restart", "I feel unwell")
    pause()


def garbage(link):
    """Packets that are no messages, without end."""
    shapes = [b"", b"\xc1", b"\xff" * 100, b"\x93", pack("hello"), pack([]), pack([7]),
              pack(["cycle", "x"]), pack(["heartbeat"]), b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"]
    number = 0
    while True:
        link.socket.send(shapes[number % len(shapes)] or b"\0")
        number += 1


def too_large(link):
    """Packets over the limit."""
    link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    while True:
        link.socket.send(b"\xda" + b"x" * 100000)


def some_garbage(link):
    """A little of it, which is forgiven, and then good cycles."""
    for _ in range(3):
        link.socket.send(b"\xc1")
    good(link)


def future(link):
    """What a later version may say: types we do not know, and fields behind the known ones."""
    while True:
        link.send("telemetry", 1, 2, 3)
        link.send("heartbeat", link.number, "fetch", "more", 1)
        link.number += 1
        link.send("cycle", link.number, 0, 0, None, False, 1000, "more")
        tick(link)


def flood(link):
    """Good messages, as fast as it can."""
    while True:
        link.heartbeat()
        link.send("status", "x" * 1000)
        link.number += 1
        link.cycle()


def heal_flood(link):
    """Heal reports without end, for kinds and levels that are and that are not."""
    while True:
        for level in (1, 2, 3, 9):
            link.send("heal", level, "name", "success", "y" * 900)
        link.cycle()


def tells_much(link):
    """Event upon event, a few hundred KiB in a second, and no cycle."""
    link.begin()
    while not select.select([link.socket], [], [], 0.02)[0]:
        for _ in range(10):
            link.send("event", 5, "order.told", "text=" + "x" * 900)


def floods_all(link):
    """Events, heal reports and cycles as fast as it can, and beside them lines of output."""
    if os.fork() == 0:
        while True:
            os.write(1, (b"z" * 99 + b"\n") * 100)
    text = "text=" + "x" * 900
    packets = [pack(["event", level, name, text]) for level in (4, 6) for name in ("order.told", "feed.told")] * 8
    packets += [pack(["heal", 2, "name", "success", "y" * 900]), pack(["heartbeat", 1, "fetch"])]
    while True:
        for packet in packets:
            link.socket.send(packet)
        link.cycle()


def output_flood(link):
    """Lines of output, as fast as it can, and one without an end."""
    link.cycle()
    line = b"z" * 99 + b"\n"
    while True:
        os.write(1, line * 100)
        os.write(1, b"w" * 65536)


def heals(link):
    """One fault after the other at the start of each life: a cycle that failed, a step of level 1, one
    of level 2 that relapsed and then held; then good cycles."""
    link.cycle()
    link.cycle("net: no route")
    link.cycle()
    link.send("heal", 1, "name", "success", "CacheFiles.X: made anew")
    link.cycle()
    for outcome in ("success", "relapsed", "success"):
        link.send("heal", 2, "import", outcome, "flow.so: loaded the last good copy")
        link.number += 1
        link.send("cycle", link.number, 0, 0, "import_reload", True, 1000)
    calm(link)


def closes_link(link):
    """Closes its link and lives on."""
    link.cycle()
    link.socket.close()
    pause()


def forges(link):
    """Tries to look like somebody else in the log."""
    os.write(1, b"worker.exit worker=other status=0\n")
    os.write(1, b'{"event":"order.filled","worker":"other"}\n')
    os.write(1, b"\x1b[2J\x07\x00\rself_healing.service_restart\x85\xff\n")
    link.send("status", "fine\nself_healing.service_restart level=4\n\x1b[31m")
    link.cycle('bad"\nworker.stop worker=other killed=yes\x00\x07')
    for name, fields in (("supervisor.stop", "a=1"), ("order.\nworker.exit", "a=1"), ("worker.exit", ""),
                         ("order.told", "supervisor.stop worker=other"), ("order.", "a=1")):
        link.send("event", 3, name, fields)
    link.send("event", 4, "order.told", 'worker=other ts=1 text="a\\nworker.exit worker=other" b="\\x1b[2J"')
    link.send("heal", 1, "name", "success", "x\nsupervisor.stop\x1b]0;y\x07")
    good(link)


def obeys(link):
    """Says whether it has been told to place no orders."""
    said = "never told"
    while True:
        if select.select([link.socket], [], [], 0.02)[0]:
            packet = link.socket.recv(65536)
            if not packet or b"stop" in packet:
                sys.exit(0)
            if b"hold\xc3" in packet:
                said = "held: " + packet.partition(b"hold\xc3")[2][1:].decode("utf-8", "replace")
            elif b"hold\xc2" in packet:
                said = "free"
        link.send("status", said)
        link.cycle()


def figures(link):
    """Tells how its trading stands."""
    link.send("figures", "equity=1250.5 cash=-3 positions=2 feed_age_ms=5 orders=filled:12,open:1 refused=hold:2")
    good(link)


def figures_garbage(link):
    """Says one thing that is none, and then what a later version may say."""
    link.send("figures", "equity=<b>")
    link.send("figures", "equity=7 mood=good")
    good(link)


def main():
    link = Link()
    mode = sys.argv[1]
    if mode != "never_ready":
        link.begin()
    globals()[mode](link)


if __name__ == "__main__":
    main()
