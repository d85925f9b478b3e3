# SPDX-License-Identifier: Apache-2.0
"""As much of msgpack as the worker protocol needs, written down once more: the tests must not
trust the code that they test.
"""

import struct


def pack(value):
    """nil, booleans, whole numbers, texts and lists of these, as bytes."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if 0 <= value < 128 or -32 <= value < 0:
            return struct.pack("b", value)
        return struct.pack(">Bq", 0xd3, value)
    if isinstance(value, str):
        data = value.encode()
        if len(data) < 32:
            return bytes([0xa0 | len(data)]) + data
        return struct.pack(">BH", 0xda, len(data)) + data
    if isinstance(value, (list, tuple)):
        return struct.pack(">BH", 0xdc, len(value)) + b"".join(pack(item) for item in value)
    raise TypeError("not in the protocol: %r" % (value,))


# First byte: (struct format of what follows)
NUMBERS = {0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i",
           0xd3: ">q"}
TEXT_LENGTHS = {0xd9: ">B", 0xda: ">H", 0xdb: ">I"}
LIST_LENGTHS = {0xdc: ">H", 0xdd: ">I"}
CONSTANTS = {0xc0: None, 0xc2: False, 0xc3: True}


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("the packet is too short")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, length):
        return self.take(length).decode()

    def items(self, count):
        return [self.value() for _ in range(count)]

    def value(self):
        first = self.number("B")
        if first < 0x80:
            return first
        if first >= 0xe0:
            return first - 256
        if 0xa0 <= first < 0xc0:
            return self.text(first & 0x1f)
        if 0x90 <= first < 0xa0:
            return self.items(first & 0x0f)
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in NUMBERS:
            return self.number(NUMBERS[first])
        if first in TEXT_LENGTHS:
            return self.text(self.number(TEXT_LENGTHS[first]))
        if first in LIST_LENGTHS:
            return self.items(self.number(LIST_LENGTHS[first]))
        raise ValueError("0x%02x is not in the protocol" % first)


def unpack(data):
    """The one value in a packet; ValueError for anything else."""
    reader = Reader(data)
    value = reader.value()
    if reader.at != len(data):
        raise ValueError("%d bytes too many" % (len(data) - reader.at))
    return value
