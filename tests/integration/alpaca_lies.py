# SPDX-License-Identifier: Apache-2.0
"""How a stand-in broker lies: what it does with a request that it should just have carried out and
answered. Rules ask for a lie where a test wants it; a Liar with a seed spreads them about.

The seed decides by what is asked and how often it was asked before, not by when: the same orders
meet the same lies, however fast the machine is.
"""

import random
import threading

# What may be told instead of the truth; each does what its name says, after the request was
# carried out (accept) or instead of it.
ANSWERS = {
    "true", "none", "reset", "truncated", "truncated_head", "broken_json", "foreign_json", "other_order",
    "duplicate", "slow", "stall", "500", "502", "503", "504", "429", "404", "404_html", "401",
    "403", "403_html", "reset_unread",
}


class Lie:
    """
    @answer: one of ANSWERS
    @accept: whether the request is carried out
    @hide: for so many seconds afterwards the order is not seen by look-ups and lists
    @later: the order appears only so many seconds after the request
    @wait: how long the answer takes (slow, stall), or how far away the reset is (429)
    @before: what is there first: `canceled`, another order under this id that was canceled;
             `terms`, one with other terms
    @terms: properties of the order that are not as asked for
    """

    def __init__(self, answer="true", accept=True, hide=0.0, later=None, wait=0.5, before=None, terms=None):
        if answer not in ANSWERS:
            raise ValueError("no such answer: " + answer)
        self.answer, self.accept, self.hide, self.later = answer, accept, hide, later
        self.wait, self.before, self.terms = wait, before, terms or {}

    def __repr__(self):
        fields = {key: value for key, value in vars(self).items()
                  if key != "answer" and value not in (None, {}, 0.0)}
        return "%s(%s)" % (self.answer, ", ".join("%s=%r" % item for item in sorted(fields.items())))


class Rule:
    """Tell @lie to requests of a @kind: the first @skip of them excepted, then @times of them (None: all),
    only such as @where (a function of the request) says."""

    def __init__(self, kind, answer="true", skip=0, times=1, where=None, **lie):
        self.kind, self.lie = kind, Lie(answer, **lie)
        self.skip, self.times, self.where = skip, times, where
        self.told = 0

    def takes(self, request):
        if self.kind not in (request.kind, "any") or (self.where and not self.where(request)):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.told >= self.times:
            return False
        self.told += 1
        return True


# What a schedule draws from, for each kind of request.
LOST = ["none", "reset", "504", "502", "503", "500", "truncated", "truncated_head", "broken_json",
        "foreign_json", "stall", "other_order"]
HARMLESS = ["duplicate", "slow"]


def draw_place(dice, brief, throttle):
    """A fate of an order request. @brief: how long hidden orders and slow answers take; @throttle:
    whether 429 is one, which stops everything else for a second or two."""
    pick = dice.random()
    if pick < 0.45:
        hide = dice.choice([0.0, 0.0, brief, 2 * brief])
        return Lie(dice.choice(LOST), hide=hide, wait=brief)
    if pick < 0.75:
        return Lie(dice.choice(["500", "502", "503", "504", "reset", "none", "reset_unread", "stall"]), accept=False,
                   wait=brief)
    if pick < 0.85:
        return Lie(dice.choice(["504", "none"]), accept=False, later=dice.uniform(0, 2 * brief))
    if pick < 0.95 or not throttle:
        return Lie(dice.choice(HARMLESS), hide=dice.choice([0.0, brief]), wait=brief)
    return Lie("429", accept=False, wait=1)


def draw_other(dice, brief, _throttle):
    """A fate of any other request."""
    if dice.random() < 0.15:
        return Lie(dice.choice(HARMLESS), wait=brief)
    answers = [answer for answer in LOST + ["reset_unread", "404_html", "403_html"] if answer != "other_order"]
    return Lie(dice.choice(answers), wait=brief, accept=dice.random() < 0.5)


class Liar:
    """Tells a share of the requests a lie, but no more than @most in a row about the same thing."""

    def __init__(self, seed, share=0.3, most=4, brief=0.3, kinds=None, throttle=True):
        self.seed, self.share, self.most, self.brief = seed, share, most, brief
        self.kinds, self.throttle = kinds, throttle
        self.asked, self.row = {}, {}
        self.lock = threading.Lock()

    def choose(self, request):
        if self.share <= 0 or (self.kinds and request.kind not in self.kinds):
            return None
        thing = (request.kind, request.client_order_id or request.part)
        with self.lock:
            number = self.asked[thing] = self.asked.get(thing, 0) + 1
            dice = random.Random("%s/%s/%s/%d" % (self.seed, *thing, number))
            if dice.random() >= self.share or self.row.get(thing, 0) >= self.most:
                self.row[thing] = 0
                return None
            self.row[thing] = self.row.get(thing, 0) + 1
        draw = draw_place if request.kind == "place" else draw_other
        return draw(dice, self.brief, self.throttle)
