# SPDX-License-Identifier: Apache-2.0
"""The files that the bot touches, each under a name of its own."""

import os


class Directories:
    STATE = os.environ.get("BOT_STATE", os.path.join(os.path.expanduser("~"), ".local", "state",
                                                     "python-bot"))


class StateFiles:
    BOT_HEARTBEAT = os.path.join(Directories.STATE, "heartbeat.json")
    OPEN_ORDERS = os.path.join(Directories.STATE, "open_orders.json")
