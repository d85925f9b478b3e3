# SPDX-License-Identifier: Apache-2.0
"""The worker's side of tradesup for bots in Python: one file, the standard library alone.

A bot with a run_once() becomes a worker with these lines:

    import tradesup

    worker = tradesup.Worker()
    worker.names("config.registry", "StateFiles.BOT_HEARTBEAT")
    worker.make_safe(bot.cancel_open_orders)
    worker.run(bot.run_once, every=5)

Where the bot keeps its loop, its run_once() is wrapped instead:

    bot.run_once = worker.cycle(bot.run_once)
    while True:
        bot.run_once()
        worker.sleep(5)

Before each cycle the names are looked up (level 1). A NameError, ImportError, AttributeError or
KeyError that leaves run_once() has the named modules loaded again and ends the cycle early with
the result {"clusters": 0, "orders": 0, "error": "import_reload", "healed": True} (level 2). Any
other exception, and a fault that is back in the next cycle, is a failed cycle; after three of
them in a row the worker asks to be started afresh. KeyboardInterrupt and SystemExit pass.

Without TRADESUP_FD in the environment nothing of this happens: run() is a plain loop, cycle()
returns the function itself, exceptions pass. Nothing here raises what the socket or the
supervisor did wrong, and nothing waits for them. One Worker a process; its loop in one thread.

tradesup-python(3) is the reference, tradesup-protocol(7) what is on the wire.
"""

import asyncio
import builtins
import errno
import functools
import importlib
import inspect
import logging
import os
import re
import select
import signal
import socket
import stat
import struct
import sys
import threading
import time
import types
from collections import deque
from typing import (Any, Awaitable, Callable, Deque, Dict, Iterator, List, Mapping, NamedTuple,
                    Optional, Sequence, Tuple)

__all__ = ["Worker", "kind_of", "pack", "unpack"]

PROTOCOL_VERSION = 1
PACKET_MAX = 65536
TEXT_MAX = 1023   # bytes; the supervisor keeps no more
PHASE_MAX = 63
INT_MAX = 2 ** 63 - 1
QUEUE_MAX = 1024  # packets that wait for room in the socket
BEAT_S = 0.5      # the longest silence while sleeping
LEAST_PAUSE_S = 0.2  # after a cycle that was not good
NET_PAUSE_MAX_S = 10.0
RESTART_PATIENCE_S = 60.0
GONE_PATIENCE_S = 0.1  # for a cycle whose supervisor has gone: its guardian kills soon
HEALS_A_CYCLE_MAX = 64

KINDS = ("name", "import", "attribute", "key", "io", "net", "data", "internal")
HEALABLE = KINDS[:4]
OUTCOMES = ("success", "failed", "relapsed")
HEALED_ERROR = "import_reload"
CUT_ERROR = "internal: stopped in the middle of the cycle"

_log = logging.getLogger("tradesup")


# The wire: as much of msgpack as the protocol needs ------------------------------------

def _cut(text: Any, limit: int = TEXT_MAX) -> str:
    """At most @limit bytes of a text, cut before a character; what is no UTF-8 becomes '?'."""
    data = str(text).replace("\0", " ").encode("utf-8", "replace")
    return data[:limit].decode("utf-8", "ignore")


def _logfmt(value: Any) -> str:
    """A field's value; what could end it, or the line, is escaped."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    text = re.sub(r"([\"\\])", r"\\\1", _cut(value))
    return '"%s"' % re.sub("[\0-\x1f\x7f]", lambda match: "\\x%02X" % ord(match.group()), text)


def _fields(fields: Mapping[str, Any]) -> str:
    text = ""
    for key, value in fields.items():
        more = "%s%s=%s" % (" " if text else "", key, _logfmt(value))
        if len((text + more).encode()) <= TEXT_MAX:
            text += more
    return text


def pack(value: Any) -> bytes:
    """nil, booleans, integers, texts and sequences of these in msgpack. TypeError for more."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if -32 <= value < 128:
            return struct.pack("b", value)
        return struct.pack(">Bq", 0xD3, max(-INT_MAX - 1, min(value, INT_MAX)))
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
        if len(data) < 32:
            return bytes([0xA0 | len(data)]) + data
        return struct.pack(">BH", 0xDA, min(len(data), 0xFFFF)) + data[:0xFFFF]
    if isinstance(value, (list, tuple)):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else struct.pack(
            ">BH", 0xDC, len(value))
        return head + b"".join(pack(item) for item in value)
    raise TypeError("not in the protocol: %r" % type(value))


# First byte: how the number behind it is written.
_NUMBERS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
            0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
_TEXTS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_ARRAYS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}
_BINS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
_EXTS = {0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
_FIXED = {0xCA: 4, 0xCB: 8, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


class _Children(NamedTuple):
    """The head of an array or a map: so many values follow."""

    count: int
    is_array: bool


class _Reader:
    """A cursor over one packet. Whatever the bytes claim, a step takes a byte at least."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet
        self.at = 0

    def left(self) -> int:
        return len(self.packet) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left():
            raise ValueError("the packet ends too early")
        self.at += count
        return self.packet[self.at - count:self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self, length: int) -> str:
        return self.take(length).decode("utf-8", "replace")

    def children(self, count: int, is_array: bool) -> _Children:
        if count > self.left():
            raise ValueError("more is claimed than there is")
        return _Children(count, is_array)

    def next(self) -> Any:
        """One scalar, or the head of a container. Floats, bin and ext are read as None."""
        head = self.number("B")
        if head < 0x80:
            return head
        if head >= 0xE0:
            return head - 256
        if head < 0x90:
            return self.children(2 * (head & 0x0F), False)
        if head < 0xA0:
            return self.children(head & 0x0F, True)
        if head < 0xC0:
            return self.text(head & 0x1F)
        if head in _CONSTANTS:
            return _CONSTANTS[head]
        if head in _NUMBERS:
            return self.number(_NUMBERS[head])
        if head in _TEXTS:
            return self.text(self.number(_TEXTS[head]))
        return self.rare(head)

    def rare(self, head: int) -> Any:
        """What no message of this version holds."""
        if head in _ARRAYS:
            return self.children(self.number(_ARRAYS[head]), True)
        if head in _MAPS:
            return self.children(2 * self.number(_MAPS[head]), False)
        if head in _BINS:
            self.take(self.number(_BINS[head]))
        elif head in _EXTS:
            self.take(self.number(_EXTS[head]) + 1)
        elif head in _FIXED:
            self.take(_FIXED[head])
        else:
            raise ValueError("0x%02x is no msgpack" % head)
        return None

    def value(self) -> Any:
        """One value; a container is passed over with all that is in it, and read as None."""
        value = self.next()
        if not isinstance(value, _Children):
            return value
        waiting = value.count
        while waiting > 0:
            if waiting > self.left():
                raise ValueError("more is claimed than there is")
            inner = self.next()
            waiting += (inner.count if isinstance(inner, _Children) else 0) - 1
        return None


def unpack(packet: bytes) -> List[Any]:
    """The message in a packet: its name, then its fields. ValueError: it is no message."""
    if len(packet) > PACKET_MAX:
        raise ValueError("the packet is too long")
    reader = _Reader(packet)
    head = reader.next()
    if not isinstance(head, _Children) or not head.is_array or head.count == 0:
        raise ValueError("no array")
    message = [reader.value() for _ in range(head.count)]
    if not isinstance(message[0], str) or reader.left():
        raise ValueError("no message")
    return message


# The link to the supervisor ------------------------------------------------------------

def _take_socket() -> Optional[socket.socket]:
    """The socket that TRADESUP_FD names; None without one. Children do not get it."""
    text = os.environ.get("TRADESUP_FD")
    if text is None:
        return None
    try:
        if not re.fullmatch("[0-9]{1,9}", text) or not stat.S_ISSOCK(os.fstat(int(text)).st_mode):
            raise OSError("no socket")
        link = socket.socket(fileno=int(text))
        if link.family != socket.AF_UNIX or link.type != socket.SOCK_SEQPACKET:
            link.detach()  # somebody else's: not ours to close
            raise OSError("no socket of the right type")
        link.set_inheritable(False)
        link.setblocking(False)
    except OSError as error:
        _log.warning("TRADESUP_FD=%s: %s; running alone", text, error)
        return None
    del os.environ["TRADESUP_FD"]
    return link


class _Link:
    """Packets to and from the supervisor. No call waits, but wait() and drain(); none raises."""

    def __init__(self) -> None:
        self._socket = _take_socket()
        self._queue: Deque[bytes] = deque()
        self.is_there = self._socket is not None
        self.gone = False
        if self.is_there and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """In a forked child: it is no worker, and must not keep the link open."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self.is_there = None, False
        self._queue.clear()

    def _try_send(self, packet: bytes) -> bool:
        """Whether the packet is dealt with; False: there is no room for it now."""
        if self._socket is None:
            return True
        try:
            self._socket.send(packet, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            self.gone = self.gone or error.errno in (errno.EPIPE, errno.ECONNRESET,
                                                     errno.ENOTCONN, errno.EBADF)
        return True

    def flush(self) -> bool:
        """Send what waits. Whether nothing waits any more."""
        while self._queue and not self.gone:
            if not self._try_send(self._queue[0]):
                return False
            self._queue.popleft()
        return True

    def send(self, *message: Any, may_drop: bool = False) -> None:
        """Send, or keep it until there is room. A sign of life (@may_drop) is not kept: what
        waits is one already."""
        if not self.is_there or self.gone:
            return
        packet = pack(message)
        if self.flush() and self._try_send(packet):
            return
        if not may_drop and len(self._queue) < QUEUE_MAX:
            self._queue.append(packet)

    def _has_ended(self) -> bool:
        """After a packet of no bytes: was it the end?"""
        poller = select.poll()
        poller.register(self._socket, select.POLLRDHUP)
        return bool(poller.poll(0))

    def _receive(self) -> Optional[bytes]:
        """One packet, b"" for one to be passed over; None: nothing there, or the end."""
        try:
            packet, _, flags, _ = self._socket.recvmsg(PACKET_MAX)  # type: ignore[union-attr]
        except BlockingIOError:
            return None
        except ConnectionResetError:
            # A supervisor that died with unread packets; what it had sent comes behind this.
            return b""
        except OSError:
            self.gone = True
            return None
        if not packet and self._has_ended():
            self.gone = True
            return None
        return b"" if flags & socket.MSG_TRUNC else packet

    def receive(self) -> List[List[Any]]:
        """All messages that have come, the unknown ones too; what is no message is dropped."""
        messages: List[List[Any]] = []
        for _ in range(QUEUE_MAX):
            packet = self._receive() if self._socket is not None and not self.gone else None
            if packet is None:
                break
            try:
                messages.append(unpack(packet))
            except ValueError:
                continue
        return messages

    def wait(self, seconds: float) -> None:
        """Sleep, until a packet comes or the supervisor has gone."""
        if self._socket is None or self.gone:
            time.sleep(seconds)
            return
        poller = select.poll()
        poller.register(self._socket, select.POLLIN | (select.POLLOUT if self._queue else 0))
        poller.poll(max(0, int(seconds * 1000) + 1))

    def drain(self, seconds: float) -> None:
        """Give what waits a last chance."""
        deadline = time.monotonic() + seconds
        while not self.flush() and time.monotonic() < deadline:
            time.sleep(0.01)


# Faults --------------------------------------------------------------------------------

_NET_ERRNOS = {errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EHOSTDOWN}
_NET_PACKAGES = {"socket", "ssl", "http", "urllib", "urllib3", "requests", "aiohttp", "httpx",
                 "httpcore", "websocket", "websockets"}
_NET_NAMES = {"TimeoutError", "NetworkError", "ConnectionError", "gaierror", "herror"}


def _is_net(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _NET_ERRNOS:
        return True
    return any(base.__name__ in _NET_NAMES
               or str(base.__module__).partition(".")[0] in _NET_PACKAGES
               for base in type(error).__mro__)


def kind_of(error: BaseException) -> str:
    """The fault kind of an exception: a word of tradesup-protocol(7)."""
    if isinstance(error, NameError):
        return "name"
    if isinstance(error, ImportError):
        return "import"
    if isinstance(error, AttributeError):
        return "attribute"
    if isinstance(error, KeyError):
        return "key"
    if _is_net(error):
        return "net"
    if isinstance(error, OSError):
        return "io"
    if isinstance(error, (ValueError, LookupError, ArithmeticError, EOFError)):
        return "data"
    return "internal"


def _say(error: BaseException) -> str:
    """An exception in a line; its own __str__ may be broken, too."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # pylint: disable=broad-except
        text = "?"
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__


def _quoted(error: BaseException, pattern: str) -> Optional[str]:
    """What Python 3.9 says in the message alone."""
    match = re.search(pattern, _say(error))
    return match.group(1) if match else None


class _Fault(NamedTuple):
    kind: str
    name: str    # what, in full
    why: str
    module: str  # to be loaded again; "": all that are named

    @property
    def key(self) -> str:
        """What makes it the same fault: StateFiles.A and StateFiles.B are lost as one."""
        return self.name.partition(".")[0] if self.kind in ("name", "attribute") else self.name


class _Names:
    """The modules and names that a bot needs, whether they are there, and how to get them back.

    A name that another module took over (from config.registry import StateFiles) is a second
    binding: loading config.registry again does not mend it, so it is mended here.
    """

    def __init__(self) -> None:
        self._wanted: Dict[str, List[str]] = {}
        self._seen: Dict[str, bool] = {}
        self._bindings: Dict[Tuple[str, str], Tuple[str, str]] = {}

    def add(self, module: str, names: Sequence[str]) -> None:
        known = self._wanted.setdefault(module, [])
        known.extend(name for name in names if name not in known)

    def modules(self) -> List[str]:
        return list(self._wanted)

    def owner(self, name: str) -> Optional[str]:
        """The named module that has this global."""
        for module in self._wanted:
            if name in _globals_of(module):
                return module
        return None

    # Looking

    def check(self) -> Optional[_Fault]:
        """The first thing that is wrong."""
        for module, names in self._wanted.items():
            fault = self._check_module(module)
            if fault:
                return fault
            for name in names:
                try:
                    _resolve(module, name)
                except Exception as error:  # pylint: disable=broad-except
                    return _Fault("name", name, _say(error), module)
        for (user, alias), (module, _) in self._bindings.items():
            if user in sys.modules and alias not in _globals_of(user):
                return _Fault("name", alias, "%s has lost it" % user, module)
        return None

    def _check_module(self, module: str) -> Optional[_Fault]:
        if sys.modules.get(module) is not None:
            if module not in self._seen:
                self._first_sight(module)
            return None
        if module in self._seen:
            return _Fault("import", module, "no longer loaded", module)
        try:
            importlib.import_module(module)
        except Exception as error:  # pylint: disable=broad-except
            return _Fault("import", module, _say(error), module)
        self._first_sight(module)
        return None

    def _first_sight(self, module: str) -> None:
        self._seen[module] = True
        self.note_bindings()

    def note_bindings(self) -> None:
        """Remember who has taken over which of the names, for when one is lost."""
        for module, names in self._wanted.items():
            own = _globals_of(module)
            for root in {name.partition(".")[0] for name in names} & set(own):
                for user, table in _other_tables(module):
                    for alias in (root, *_aliases(table, own[root])):
                        if alias in table and table[alias] is own[root]:
                            self._bindings[user, alias] = (module, root)

    # Mending

    def load_again(self, module: str) -> None:
        """Load one module afresh, and put what it has now where its old things are used."""
        importlib.invalidate_caches()
        loaded = sys.modules.get(module)
        if loaded is None:
            sys.modules.pop(module, None)
            before: Dict[str, Any] = {}
            importlib.import_module(module)
        else:
            before = dict(_globals_of(module))
            try:
                importlib.reload(loaded)
            except Exception:
                # Half of a module is worse than the old one.
                table = vars(loaded)
                for name in set(table) - set(before):
                    del table[name]
                table.update(before)
                raise
        self._seen[module] = True
        self._rebind(module, before)
        self.note_bindings()

    def load_all_again(self) -> None:
        for module in self._wanted:
            self.load_again(module)

    def _rebind(self, module: str, before: Mapping[str, Any]) -> None:
        now = _globals_of(module)
        changed = [(name, old) for name, old in before.items()
                   if not name.startswith("__") and name in now and now[name] is not old]
        for _, table in _other_tables(module):
            for name, old in changed:
                # 5 is 5 in any module: only under its own name is such a thing a copy.
                aliases = _aliases(table, old) if isinstance(
                    old, (type, types.FunctionType)) else []
                for alias in {name, *aliases}:
                    if alias in table and table[alias] is old:
                        table[alias] = now[name]
        for (user, alias), (owner, root) in self._bindings.items():
            if owner == module and user in sys.modules and root in now:
                _globals_of(user).setdefault(alias, now[root])

    def lose_one(self) -> bool:
        """For a drill: forget the first name, as if the module had lost it."""
        for module, names in self._wanted.items():
            if names:
                return _globals_of(module).pop(names[0].partition(".")[0], self) is not self
        return False


def _globals_of(module: str) -> Dict[str, Any]:
    loaded = sys.modules.get(module)
    return vars(loaded) if isinstance(loaded, types.ModuleType) else {}


def _other_tables(module: str) -> Iterator[Tuple[str, Dict[str, Any]]]:
    for name, loaded in list(sys.modules.items()):
        if name != module and isinstance(loaded, types.ModuleType):
            yield name, vars(loaded)


def _aliases(table: Mapping[str, Any], thing: Any) -> List[str]:
    """The names under which a class or a function is known in a module."""
    if not isinstance(thing, (type, types.FunctionType)):
        return []
    return [name for name, value in list(table.items()) if value is thing]


def _resolve(module: str, name: str) -> Any:
    """What a dotted name stands for in a loaded module. AttributeError, KeyError: nothing."""
    thing: Any = sys.modules[module]
    for part in name.split("."):
        thing = thing[part] if isinstance(thing, Mapping) else getattr(thing, part)
    return thing


class _Doctor:
    """Level 2: what an exception is about, its remedy, and whether the remedy has held."""

    def __init__(self, names: _Names) -> None:
        self._names = names

    def mend(self, error: Exception) -> Tuple[str, Optional[str], str]:
        """Load again what the exception is about. What that is; None, or why it has not
        helped; what was done."""
        subject = self._subject(error)
        modules = self._names.modules()
        extra = self._extra_module(error)
        if extra and extra not in modules:
            modules.append(extra)
        if not modules:
            return subject, "no module is named, so none was loaded again", ""
        try:
            for module in modules:
                self._names.load_again(module)
            why = self._verify(error, subject)
        except Exception as trouble:  # pylint: disable=broad-except
            why = _say(trouble)
        return subject, why, "%s loaded again" % ", ".join(modules)

    @staticmethod
    def _subject(error: Exception) -> str:
        name = getattr(error, "name", None)
        if isinstance(error, KeyError):
            return _cut(repr(error.args[0]) if error.args else "?", 80)
        if isinstance(error, NameError):
            name = name or _quoted(error, r"(?:name|variable) '([^']+)'")
        if isinstance(error, AttributeError):
            name = name or _quoted(error, r"has no attribute '([^']+)'")
        return name if isinstance(name, str) and name else "?"

    def _extra_module(self, error: Exception) -> Optional[str]:
        """The module that could not be imported, if it is the bot's own: reloading somebody
        else's may do anything."""
        if not isinstance(error, ImportError) or not error.name:
            return None
        loaded = sys.modules.get(error.name)
        if loaded is None:
            return error.name
        main = getattr(sys.modules.get("__main__"), "__file__", None)
        place = getattr(loaded, "__file__", None)
        if error.name == "__main__" or not main or not place:
            return None
        home = os.path.join(os.path.dirname(os.path.abspath(main)), "")
        return error.name if os.path.abspath(place).startswith(home) else None

    def _verify(self, error: Exception, subject: str) -> Optional[str]:
        """The check that failed, once more. None: it passes."""
        if isinstance(error, NameError):
            return self._verify_name(error, subject)
        if isinstance(error, ImportError) and error.name:
            wanted = _quoted(error, r"cannot import name '([^']+)'")
            module = importlib.import_module(error.name)
            if wanted and not hasattr(module, wanted):
                importlib.import_module("%s.%s" % (error.name, wanted))
        if isinstance(error, AttributeError):
            why = _still_without(error, subject)
            if why:
                return why
        fault = self._names.check()
        return "%s: %s" % (fault.name, fault.why) if fault else None

    def _verify_name(self, error: NameError, name: str) -> Optional[str]:
        table = _innermost_globals(error)
        owner = self._names.owner(name)
        if owner is not None:
            # The fault of a local variable is not to be mended so; that shows as a relapse.
            table.setdefault(name, _globals_of(owner)[name])
        elif name not in table and not hasattr(builtins, name):
            return "%s is in none of the modules named" % name
        return None


def _innermost_globals(error: BaseException) -> Dict[str, Any]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals if trace is not None else {}


_MISSING = object()


def _still_without(error: AttributeError, name: str) -> Optional[str]:
    """Why the attribute is missing still; None: it is there, or nobody can tell."""
    thing = getattr(error, "obj", _MISSING)
    if getattr(error, "name", None) is None:
        thing = _MISSING  # raised by hand, or by Python 3.9
        module = _quoted(error, r"^AttributeError: module '([^']+)' has no attribute")
        thing = sys.modules.get(module, _MISSING) if module else _MISSING
    if thing is _MISSING:
        return None
    if isinstance(thing, types.ModuleType):
        thing = sys.modules.get(thing.__name__, thing)
    elif isinstance(thing, type):
        thing = _today(thing)
    if inspect.getattr_static(thing, name, _MISSING) is not _MISSING:
        return None
    return "%s has no %s still" % (getattr(thing, "__name__", type(thing).__name__), name)


def _today(old: type) -> Any:
    """The class that has taken the place of an old one."""
    thing: Any = sys.modules.get(old.__module__)
    for part in old.__qualname__.split("."):
        thing = getattr(thing, part, None)
    return thing if isinstance(thing, type) else old


class _History:
    """Whether a fault has come back: healed, or relapsed, in this cycle or the one before."""

    def __init__(self) -> None:
        self._cases: Dict[str, Tuple[int, str]] = {}

    def judge(self, cycle: int, key: str, has_held: bool) -> str:
        self._cases = {k: case for k, case in self._cases.items() if case[0] >= cycle - 1}
        past = self._cases.get(key)
        if past and past[1] != "failed":
            outcome = "relapsed"
        else:
            outcome = "success" if has_held else "failed"
        self._cases[key] = (cycle, outcome)
        return outcome


# The worker ----------------------------------------------------------------------------

class _OutOfTime(BaseException):
    """Raised into a cycle that would outlive its worker's deadline."""


class _Cycle:
    """A cycle in progress, and what comes of it."""

    def __init__(self) -> None:
        self.start_ns = time.monotonic_ns()
        self.clusters = 0
        self.orders = 0
        self.error: Optional[str] = None
        self.healed = False
        self.kind = ""  # of the fault that failed it

    def fail(self, kind: str, text: str) -> None:
        self.error, self.healed, self.kind = text, False, kind

    def result(self) -> Dict[str, Any]:
        return {"clusters": self.clusters, "orders": self.orders, "error": self.error,
                "healed": self.healed}


def _count(value: Any) -> int:
    """A number of clusters or orders; of a list of them, how many it holds."""
    try:
        number = value if isinstance(value, int) else len(value)
    except TypeError:
        return 0
    return max(0, min(int(number), INT_MAX))


class Worker:
    """A bot as a worker of tradesup.

    name: for people; by default the worker's name in the configuration. failed_cycles: after so
    many failed cycles in a row a restart is asked for; 0: never (the supervisor counts, too).
    """

    def __init__(self, name: Optional[str] = None, *, failed_cycles: int = 3) -> None:
        self._link = _Link()
        self._names = _Names()
        self._doctor = _Doctor(self._names)
        self._history = _History()
        self._failed_limit = failed_cycles
        self._failed = 0               # cycles in a row
        self._net_failed = 0
        self._number = 0               # of the cycle
        self._was_healed = False       # since the last good cycle
        self._wants_restart = False
        self._is_ready = False
        self._phase = "start"
        self._beat: Tuple[int, str, float] = (0, "", 0.0)
        self._owner = threading.get_ident()
        self._drill: List[str] = []
        self._reload_asked = False
        self._on_reload: List[Callable[[], Any]] = []
        self._safe: List[Callable[[], Any]] = []
        self._stop_asked = False
        self._deadline: Optional[float] = None
        self._cut_at: Optional[float] = None  # a cycle that lasts longer leaves no time
        self._in_cycle = False
        self._heeds_sigterm = False
        self._has_ended = False
        self._hold: Tuple[bool, str] = (False, "")
        if self.supervised:
            own = name or os.environ.get("TRADESUP_WORKER") or os.path.basename(sys.argv[0])
            self._link.send("hello", PROTOCOL_VERSION, _cut(own), os.getpid())
            self._heed_sigterm()

    # What the bot sets up

    def names(self, module: str, *names: str) -> None:
        """Check before each cycle that @module has these names, and load it again if not.

        names: dotted, as the bot's code writes them: "StateFiles.BOT_HEARTBEAT". Without any,
        only that the module is loaded. At level 2 the modules are loaded again in the order in
        which they were named. Name modules of names and settings, not such as keep state.
        """
        self._names.add(module, names)

    def make_safe(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Call @function before the worker ends by a stop or because the supervisor has gone: to
        cancel open orders. With the async methods it may be a coroutine function. A decorator, too.
        """
        self._safe.append(function)
        return function

    def on_reload(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Call @function between two cycles when a reload is asked for, after the named modules
        have been loaded again."""
        self._on_reload.append(function)
        return function

    # What the bot can ask

    @property
    def supervised(self) -> bool:
        """Whether there is, or was, a supervisor; else everything here does nothing."""
        return self._link.is_there

    @property
    def stopping(self) -> bool:
        """Whether the worker has been told to stop, or its supervisor has gone."""
        self._take_requests()
        return self._stop_asked or self._link.gone

    @property
    def held(self) -> bool:
        """Whether new orders are held back: then place none, but go on."""
        self._take_requests()
        return self._hold[0]

    @property
    def hold_reason(self) -> str:
        """Why new orders are held back; empty when they are not."""
        return self._hold[1]

    def time_left(self) -> Optional[float]:
        """Seconds until SIGKILL ends a stop; None: there is no such deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    # What the bot can say

    def ready(self) -> None:
        """The bot works. Said by itself after the first pre-check, if not before."""
        if not self._is_ready:
            self._is_ready = True
            self._link.send("ready")

    def heartbeat(self, phase: Optional[str] = None) -> bool:
        """The loop is alive. Call it in a cycle that takes long; cheap enough for inner loops.

        Only from the thread that runs the cycles: from another it does nothing, since a frozen
        loop must look frozen. False: the worker has to stop, so finish early.
        """
        if not self.supervised:
            return True
        if threading.get_ident() != self._owner:
            return not self._stop_asked
        if phase is not None:
            self._phase = _cut(phase, PHASE_MAX)
        number, last, at = self._beat
        now = time.monotonic()
        if (number, last) != (self._number, self._phase) or now - at >= BEAT_S / 2:
            self._beat = (self._number, self._phase, now)
            self._link.send("heartbeat", self._number, self._phase, may_drop=True)
        return not self.stopping

    def status(self, text: str) -> None:
        """A line for people, shown by `tradesup status` until the next one."""
        self._link.send("status", _cut(text))

    def heal(self, kind: str, outcome: str, detail: str, level: int = 2) -> None:
        """Report a healing step of the bot's own: "NAME: what was done". ValueError: a word that
        the protocol does not know."""
        if kind not in KINDS or outcome not in OUTCOMES or level not in (1, 2):
            raise ValueError("heal: %r %r %r" % (level, kind, outcome))
        self._link.send("heal", level, kind, outcome, _cut(detail))

    def event(self, name: str, level: int = 6, **fields: Any) -> None:
        """An event for the supervisor's log: event("order.placed", symbol="BTC", price=1.5). Fields
        past 1023 bytes are left out. ValueError: a name or level that the supervisor would refuse.

        name: begins with order., feed., broker. or strategy. level: of syslog, 3 (error) to 7.
        """
        subject = r"(order|feed|broker|strategy)\.[a-z_]{1,40}"
        if not re.fullmatch(subject, name) or not 3 <= level <= 7:
            raise ValueError("event: %r %r" % (name, level))
        self._link.send("event", level, name, _fields(fields))

    def figures(self, **fields: Any) -> None:
        """How the trading stands, for metrics: figures(equity="1000.5", positions=2). Each call takes the
        place of the last; the names are in tradesup-protocol(7). Fields past 1023 bytes are left out.
        """
        self._link.send("figures", _fields(fields))

    def restart(self, reason: str) -> None:
        """Ask for a fresh start. The worker is told to stop a moment later."""
        if self.supervised and not self._wants_restart:
            self._wants_restart = True
            self._link.send("restart", _cut(reason))

    # Running

    def once(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """One cycle: pre-check, @function, report. What it returned, or the result of a cycle
        that was ended early: a dictionary with clusters, orders, error, healed.

        A dictionary with these keys that @function returns itself is the cycle's report; an error
        in it is a failed cycle, or, with healed, one that the bot has healed.
        """
        if not self.supervised:
            return function(*args, **kwargs)
        cycle = self._begin()
        value = None
        if cycle.error is None:
            value, error = self._call(cycle, lambda: function(*args, **kwargs))
            self._accept(cycle, value, error)
        self._finish(cycle)
        return value if cycle.error is None else cycle.result()

    async def once_async(self, function: Callable[..., Awaitable[Any]], *args: Any,
                         **kwargs: Any) -> Any:
        """once() for a coroutine function."""
        if not self.supervised:
            return await function(*args, **kwargs)
        cycle = self._begin()
        value = None
        if cycle.error is None:
            error: Optional[Exception] = None
            try:
                self._play_drill()
                value = await self._watch(function(*args, **kwargs))
            except _OutOfTime:
                cycle.fail("internal", CUT_ERROR)
            except Exception as caught:  # pylint: disable=broad-except
                error = caught
            self._accept(cycle, value, error)
        self._finish(cycle)
        return value if cycle.error is None else cycle.result()

    def cycle(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make each call of @function a cycle; a decorator, for functions, methods and coroutine
        functions. Between two calls use sleep(). SystemExit when the worker is told to stop."""
        if not self.supervised:
            return function
        if inspect.iscoroutinefunction(function):
            @functools.wraps(function)
            async def one_async(*args: Any, **kwargs: Any) -> Any:
                await self.sleep_async(0)
                return await self.once_async(function, *args, **kwargs)
            return one_async

        @functools.wraps(function)
        def one(*args: Any, **kwargs: Any) -> Any:
            self.sleep(0)
            return self.once(function, *args, **kwargs)
        return one

    def sleep(self, seconds: float) -> None:
        """time.sleep() with heartbeats. Ends the program by SystemExit when told to stop."""
        if not self.supervised:
            time.sleep(seconds)
        elif not self._pause(seconds):
            self._end()
            raise SystemExit(0)

    async def sleep_async(self, seconds: float) -> None:
        """asyncio.sleep() with heartbeats. SystemExit as sleep()."""
        if not self.supervised:
            await asyncio.sleep(seconds)
        elif not await self._pause_async(seconds):
            await self._end_async()
            raise SystemExit(0)

    def run(self, function: Callable[[], Any], every: float = 0.0) -> None:
        """One cycle after the other, beginning @every seconds. Returns when told to stop, or when
        the supervisor has gone: after make_safe(), and the program should end then."""
        while True:
            start = time.monotonic()
            self.once(function)
            pause = self._pause_after(start, every)
            if not self.supervised:
                time.sleep(pause)
            elif not self._pause(pause):
                self._end()
                return

    async def run_async(self, function: Callable[[], Awaitable[Any]], every: float = 0.0) -> None:
        """run() for a coroutine function, in the caller's event loop."""
        while True:
            start = time.monotonic()
            await self.once_async(function)
            pause = self._pause_after(start, every)
            if not self.supervised:
                await asyncio.sleep(pause)
            elif not await self._pause_async(pause):
                await self._end_async()
                return

    # A cycle's parts

    def _begin(self) -> _Cycle:
        cycle = _Cycle()
        self._owner = threading.get_ident()
        self._number += 1
        self._take_requests()
        self.heartbeat("pre_check")
        if self._reload_asked:
            self._reload_asked = False
            self._reload()
        if "name" in self._drill:
            self._drill.remove("name")
            self._names.lose_one()
        self._pre_check(cycle)
        self.ready()
        self.heartbeat("run")
        return cycle

    def _reload(self) -> None:
        try:
            self._names.load_all_again()
            for function in self._on_reload:
                function()
        except Exception as error:  # pylint: disable=broad-except
            _log.warning("reload: %s", _say(error), exc_info=True)
            self.status("reload failed: %s" % _say(error))

    def _pre_check(self, cycle: _Cycle) -> None:
        """Level 1."""
        for _ in range(HEALS_A_CYCLE_MAX):
            fault = self._names.check()
            if fault is None:
                return
            note = "%s loaded again" % fault.module
            still: Optional[_Fault] = None
            try:
                self._names.load_again(fault.module)
                still = self._names.check()
            except Exception as error:  # pylint: disable=broad-except
                note, still = _say(error), fault
            has_held = still is None or still.key != fault.key
            outcome = self._judge(1, fault, has_held, note)
            if outcome != "success":
                suffix = "_relapsed" if outcome == "relapsed" else ""
                cycle.fail(fault.kind, "%s%s: %s: %s" % (
                    fault.kind, suffix, fault.name, note if not has_held else fault.why))
                return
        cycle.fail("internal", "internal: the pre-check finds no end")

    def _judge(self, level: int, fault: _Fault, has_held: bool, note: str) -> str:
        outcome = self._history.judge(self._number, fault.key, has_held)
        self.heal(fault.kind, outcome, "%s: %s" % (fault.name, note), level)
        _log.warning("cycle %d: %s fault of %s (%s): %s; %s", self._number, fault.kind,
                     fault.name, fault.why, note, outcome)
        return outcome

    def _handle(self, cycle: _Cycle, error: Exception) -> None:
        """Level 2, or what cannot be healed."""
        kind = kind_of(error)
        _log.warning("cycle %d: %s", self._number, _say(error),
                     exc_info=(type(error), error, error.__traceback__))
        if kind not in HEALABLE:
            cycle.fail(kind, "%s: %s" % (kind, _say(error)))
            return
        self.heartbeat("heal")
        subject, why, done = self._doctor.mend(error)
        fault = _Fault(kind, subject, _say(error), "")
        note = done if why is None else why
        self._conclude(cycle, fault, self._judge(2, fault, why is None, note), HEALED_ERROR)

    def _conclude(self, cycle: _Cycle, fault: _Fault, outcome: str, word: str) -> None:
        if outcome == "success" and not self._was_healed:
            cycle.error, cycle.healed = word, True
        elif outcome == "success":
            # Another fault each time: that is no health either.
            cycle.fail(fault.kind, "%s: %s: healed again without a good cycle in between: %s" % (
                fault.kind, fault.name, fault.why))
        else:
            suffix = "_relapsed" if outcome == "relapsed" else ""
            cycle.fail(fault.kind, "%s%s: %s: %s" % (fault.kind, suffix, fault.name, fault.why))

    def _accept(self, cycle: _Cycle, value: Any, raised: Optional[Exception]) -> None:
        """What the bot raised, or what it returned; both may be made so that looking fails."""
        try:
            if raised is not None:
                self._handle(cycle, raised)
            elif isinstance(value, Mapping):
                self._take_report(cycle, value)
        except Exception as trouble:  # pylint: disable=broad-except
            cycle.fail("internal", "internal: the cycle's end makes no sense: %s" % _say(trouble))

    def _take_report(self, cycle: _Cycle, value: Mapping[Any, Any]) -> None:
        cycle.clusters = _count(value.get("clusters"))
        cycle.orders = _count(value.get("orders"))
        error = value.get("error")
        if value.get("healed"):
            self._accept_heal(cycle, str(error or HEALED_ERROR))
        elif error:
            cycle.fail("internal", str(error))

    def _accept_heal(self, cycle: _Cycle, word: str) -> None:
        """The bot has a handler of its own. What that heals in every cycle it does not heal."""
        kind = word.partition("_")[0]
        wrong = self._names.check()
        fault = _Fault(kind if kind in HEALABLE else "import", "run_once", word, "")
        note = "%s: %s" % (wrong.name, wrong.why) if wrong else "healed by the bot's own handler"
        self._conclude(cycle, fault, self._judge(2, fault, wrong is None, note), word)

    def _finish(self, cycle: _Cycle) -> None:
        self.heartbeat("report")
        is_good = cycle.error is None
        error = None if is_good else _cut(cycle.error) or "failed"
        self._link.send("cycle", self._number, cycle.clusters, cycle.orders, error,
                        cycle.healed, time.monotonic_ns() - cycle.start_ns)
        self._was_healed = not is_good and (self._was_healed or cycle.healed)
        self._net_failed = self._net_failed + 1 if cycle.kind == "net" else 0
        if is_good:
            self._failed = 0
        elif not cycle.healed:
            self._failed += 1
            if 0 < self._failed_limit <= self._failed:
                self.restart("%d failed cycles in a row: %s" % (self._failed, error))

    def _pause_after(self, start: float, every: float) -> float:
        """Seconds to the next cycle's beginning; `net` waits longer each time."""
        pause = start + every - time.monotonic()
        if self._net_failed:
            backoff = max(every, 1.0) * 2.0 ** min(self._net_failed - 1, 10)
            pause = max(pause, min(backoff, max(every, NET_PAUSE_MAX_S)))
        elif self._failed or self._was_healed:
            pause = max(pause, LEAST_PAUSE_S)
        return max(0.0, pause)

    # Requests

    def _take_requests(self) -> None:
        for message in self._link.receive():
            try:
                self._take_request(message[0], message[1:])
            except (IndexError, ValueError, TypeError):
                continue  # of the wrong shape: dropped
        if self._link.gone and self._cut_at is None:
            self._cut_at = time.monotonic() + GONE_PATIENCE_S

    def _take_request(self, word: str, fields: List[Any]) -> None:
        if word == "stop":
            deadline_ms = fields[0]
            if isinstance(deadline_ms, bool) or not -1 <= deadline_ms <= INT_MAX:
                raise ValueError(word)
            self._stop_asked = True
            if deadline_ms >= 0:
                # Half of the time for the cycle, the other half to make safe.
                now = time.monotonic()
                self._deadline = now + deadline_ms / 1000
                self._cut_at = now + deadline_ms / 2000
        elif word == "reload":
            self._reload_asked = True
        elif word == "hold":
            if not isinstance(fields[0], bool):
                raise ValueError(word)
            reason = fields[1] if len(fields) > 1 and isinstance(fields[1], str) else ""
            self._hold = (fields[0], reason if fields[0] else "")
        elif word == "fault" and fields[0] in KINDS:
            if os.environ.get("TRADESUP_ALLOW_FAULTS") == "1":
                self._drill.append(fields[0])
            else:
                self._link.send("status", "fault refused")

    def _play_drill(self) -> None:
        """The exception of a drill, in the place of a cycle."""
        if not self._drill:
            return
        text = "a drill's fault"
        kind = self._drill.pop(0)
        raise {"import": ImportError, "attribute": AttributeError, "key": KeyError,
               "io": OSError, "net": ConnectionError, "data": ValueError}.get(
                   kind, RuntimeError)(text)

    # Waiting, and the end

    def _piece(self, deadline: float) -> Optional[float]:
        """Before the next piece of a sleep: its seconds, 0 at the deadline; None: time to end."""
        if self.stopping:
            return None
        left = deadline - time.monotonic()
        if left > 0:
            self.heartbeat("idle")
            self._link.flush()
        elif self._wants_restart:
            raise SystemExit(1)  # asked for, and nobody came
        return max(0.0, min(left, BEAT_S))

    def _wake_time(self, seconds: float) -> float:
        """A worker that has asked for its restart begins no cycle any more: it waits."""
        return time.monotonic() + (RESTART_PATIENCE_S if self._wants_restart else seconds)

    def _pause(self, seconds: float) -> bool:
        """Sleep with heartbeats. False: it is time to end."""
        deadline = self._wake_time(seconds)
        piece = self._piece(deadline)
        while piece:
            self._link.wait(piece)
            piece = self._piece(deadline)
        return piece is not None

    async def _pause_async(self, seconds: float) -> bool:
        deadline = self._wake_time(seconds)
        piece = self._piece(deadline)
        while piece:
            await asyncio.sleep(min(piece, BEAT_S / 2))
            piece = self._piece(deadline)
        return piece is not None

    def _call(self, cycle: _Cycle,
              function: Callable[[], Any]) -> Tuple[Any, Optional[Exception]]:
        """The bot's part of a cycle: what it returned, or what it raised."""
        value, error = None, None
        try:
            self._in_cycle = True
            if self._stop_asked:
                self._arm_cut()
            try:
                self._play_drill()
                value = function()
            except Exception as caught:  # pylint: disable=broad-except
                error = caught
            self._in_cycle = False
        except _OutOfTime:
            cycle.fail("internal", CUT_ERROR)
        finally:
            self._in_cycle = False
        return value, error

    async def _watch(self, coroutine: Awaitable[Any]) -> Any:
        """Await a cycle; it is cancelled when it would leave no time to make safe."""
        task = asyncio.ensure_future(coroutine)
        is_cut = False
        try:
            while not task.done() and not is_cut:
                await asyncio.wait({task}, timeout=BEAT_S / 2)
                is_cut = self._is_cut() and not task.done()
        finally:
            if not task.done():
                task.cancel()
        if is_cut:
            await asyncio.wait({task}, timeout=BEAT_S)
            raise _OutOfTime()
        return task.result()

    def _is_cut(self) -> bool:
        return self.stopping and self._cut_at is not None and time.monotonic() >= self._cut_at

    def _end(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        for function in self._safe:
            try:
                function()
            except Exception as error:  # pylint: disable=broad-except
                self._unsafe(error)
        self._bye()

    async def _end_async(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        for function in self._safe:
            try:
                value = function()
                if inspect.isawaitable(value):
                    await value
            except Exception as error:  # pylint: disable=broad-except
                self._unsafe(error)
        self._bye()

    def _unsafe(self, error: Exception) -> None:
        _log.error("make safe failed: %s", _say(error), exc_info=True)
        self.status("make safe failed: %s" % _say(error))

    def _bye(self) -> None:
        if self._heeds_sigterm:
            # Python takes its handlers away at its end: a SIGTERM that comes then would look like a kill.
            try:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            except ValueError:
                pass  # not the main thread
        self._link.send("bye")
        self._link.drain(1.0)

    # Signals

    def _heed_sigterm(self) -> None:
        """SIGTERM comes with a stop. A handler of the bot's own is left alone."""
        try:
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, self._on_sigterm)
                self._heeds_sigterm = True
        except ValueError:
            pass  # not the main thread

    def _on_sigterm(self, _number: int, _frame: Any) -> None:
        self._stop_asked = True
        self._take_requests()  # the deadline
        if self._in_cycle:
            self._arm_cut()

    def _arm_cut(self) -> None:
        """See to it that this cycle ends in time; not where the bot has an alarm of its own."""
        if self._cut_at is None or not self._heeds_sigterm:
            return
        if (signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
                and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0):
            signal.signal(signal.SIGALRM, self._on_alarm)
            signal.setitimer(signal.ITIMER_REAL, max(0.001, self._cut_at - time.monotonic()))

    def _on_alarm(self, _number: int, _frame: Any) -> None:
        if self._in_cycle:
            raise _OutOfTime()
