# SPDX-License-Identifier: Apache-2.0
"""Feeds made up from a seed: many symbols, equal times, rows out of order, broken rows, exponents,
too many decimals. The same seed gives the same feed.
"""

import json
import random

START = 1700000000 * 10**9
BROKEN = ["", "x", "1.2.3", "--1", "1e", "nan", "0x10", "99999999999999999999"]


class RandomFeed:
    """Rows of text, with the columns in @columns."""

    def __init__(self, seed, rows=3000, symbols=6, side=True, notional=False, trouble=True):
        self.random = random.Random(seed)
        self.columns = ["time", "symbol"] + ["side"] * side + ["price", "size", "id"]
        self.columns += ["premium"] * notional
        self.trouble = trouble
        self.prices = {"S%d" % i: self.random.choice([0.0014, 3.5, 101.25, 43000.0])
                       for i in range(symbols)}
        self.now = START
        self.rows = [self.row(number) for number in range(rows)]

    def chance(self, probability):
        return self.random.random() < probability

    def row(self, number):
        if not self.chance(0.2):
            self.now += self.random.randrange(20 * 10**9)
        symbol = self.random.choice(list(self.prices))
        if self.chance(0.7):
            self.prices[symbol] *= 1 + self.random.uniform(-0.004, 0.004)
        late = self.random.randrange(30 * 10**9) if self.trouble and self.chance(0.03) else 0
        row = {
            "time": self.now - late, "symbol": symbol, "side": self.side(number),
            "price": self.number(self.prices[symbol]),
            "size": self.number(self.random.uniform(1, 40) / self.prices[symbol] * 50),
            "id": str(number), "premium": self.number(self.random.uniform(10, 9000)),
        }
        if self.trouble and self.chance(0.02):
            victim = self.random.choice([c for c in self.columns if c != "time"])
            row[victim] = "" if victim in ("symbol", "id") else self.random.choice(BROKEN)
        if self.trouble and self.chance(0.01):
            row[self.random.choice(["price", "size"])] = self.random.choice(["0", "-1", "0.000000000009"])
        return row

    def side(self, number):
        """Runs of one side, so that clusters form."""
        side = "buy" if (number // 60) % 2 else "sell"
        if self.chance(0.15):
            side = "sell" if side == "buy" else "buy"
        return self.random.choice([side, side, side.upper(), side.title()])

    def number(self, value):
        form = self.random.choice(["%.8f", "%.2f", "%.12f", "%.6e", " %.4f", "+%.8f"])
        return form % value

    def time_text(self, row, unit):
        ns = row["time"]
        if unit == "ns":
            return str(ns)
        if unit == "us":
            return "%d.%03d" % (ns // 1000, ns % 1000)
        if unit == "ms":
            return "%d.%06d" % (ns // 10**6, ns % 10**6)
        if unit == "s":
            return "%d.%09d" % (ns // 10**9, ns % 10**9)
        seconds, fraction = divmod(ns - START, 10**9)
        hours, seconds = divmod(seconds, 3600)
        # START is 2023-11-14 22:13:20 UTC; the offset makes that midnight of the 14th.
        days, hours = divmod(hours, 24)
        return "2023-11-%02dT%02d:%02d:%02d.%09d-22:13" % (
            14 + days, hours, seconds // 60, seconds % 60, fraction)

    def fields(self, unit):
        for row in self.rows:
            row = dict(row, time=self.time_text(row, unit))
            if self.trouble and self.chance(0.01):
                row["time"] = self.random.choice(["", "yesterday", "2023-13-01T00:00:00Z"])
            yield row

    def csv(self, unit="ns", newline="\n"):
        lines = [",".join(self.columns)]
        for row in self.fields(unit):
            values = [row[column] for column in self.columns]
            if self.trouble and self.chance(0.01):
                values = values[:self.random.randrange(1, len(values))]
            lines.append(",".join(values))
            if self.trouble and self.chance(0.005):
                lines.append("")
        return newline.join(lines) + newline

    def ndjson(self, unit="ns"):
        lines = []
        for row in self.fields(unit):
            record = {column: self.json_value(column, row[column]) for column in self.columns}
            if self.trouble and lines and self.chance(0.01):
                del record[self.random.choice(self.columns)]
            line = json.dumps(record)
            if self.trouble and lines and self.chance(0.01):
                line = self.random.choice(["[]", "{", "7", line[:-3], "null", '{"time":null}'])
            lines.append(line)
        return "\n".join(lines) + "\n"

    def json_value(self, column, text):
        """Now and then a number instead of text."""
        if column in ("price", "size", "premium") and self.chance(0.5):
            try:
                return float(text)
            except ValueError:
                return None
        return text
