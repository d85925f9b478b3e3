# SPDX-License-Identifier: Apache-2.0
"""A small trading bot on made-up prices, with paper orders, as a worker of tradesup.

usage: bot.py [SECONDS]

A cycle begins every SECONDS (default: 1). It runs alone, too: then nobody restarts it.
"""

import json
import os
import random
import sys
import time

import tradesup
from config.registry import Directories, StateFiles

ORDERS_MAX = 3


class Bot:
    """Buys what fell three times in a row, and sells it some cycles later."""

    def __init__(self):
        self.count = 0
        self.prices = [100.0]
        self.orders = []  # the cycle in which each was placed
        os.makedirs(Directories.STATE, exist_ok=True)

    def fetch(self):
        self.prices.append(round(self.prices[-1] * random.uniform(0.99, 1.01), 2))
        del self.prices[:-4]

    def decide(self):
        falls = [later < before for before, later in zip(self.prices, self.prices[1:])]
        return len(falls) == 3 and all(falls)

    def run_once(self):
        """One cycle. What it returns is the report of the cycle."""
        self.count += 1
        self.fetch()
        found = self.decide()
        self.orders = [placed for placed in self.orders if placed > self.count - 5]
        is_placed = found and len(self.orders) < ORDERS_MAX
        if is_placed:
            self.orders.append(self.count)
        write(StateFiles.OPEN_ORDERS, self.orders)
        write(StateFiles.BOT_HEARTBEAT, {"last_heartbeat_ts": time.time(), "running": True,
                                         "iter_count": self.count})
        return {"clusters": int(found), "orders": int(is_placed), "error": None, "healed": False}

    def cancel_open_orders(self):
        self.orders = []
        write(StateFiles.OPEN_ORDERS, self.orders)


def write(path, content):
    """Replace a file: at no moment is there half of it."""
    with open(path + ".new", "w") as file:
        json.dump(content, file)
    os.replace(path + ".new", path)


def main():
    bot = Bot()
    every = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    worker = tradesup.Worker()
    worker.names("config.registry", "Directories.STATE", "StateFiles.BOT_HEARTBEAT",
                 "StateFiles.OPEN_ORDERS")
    worker.make_safe(bot.cancel_open_orders)
    worker.run(bot.run_once, every=every)


if __name__ == "__main__":
    main()
