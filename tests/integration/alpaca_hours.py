# SPDX-License-Identifier: Apache-2.0
"""The stand-in broker's exchange: its calendar, and its clock, which goes by the same hours."""

import datetime

UTC = datetime.timezone.utc


def new_york(seconds):
    """That time there: from the second Sunday of March to the first of November 4 hours behind UTC, else 5."""
    moment = datetime.datetime.fromtimestamp(seconds, UTC)
    year = moment.year
    march, november = (first + datetime.timedelta(6 - first.weekday())
                       for first in (datetime.date(year, 3, 8), datetime.date(year, 11, 1)))
    summer = at(march, "07:00", UTC) <= moment < at(november, "06:00", UTC)
    return moment.astimezone(datetime.timezone(datetime.timedelta(hours=-4 if summer else -5)))


def at(day, clock, zone=None):
    """A moment of a day, 24:00 is the next one's 00:00; without a zone New York's, as it is there at noon."""
    midnight = datetime.datetime.combine(day, datetime.time(), UTC)
    if zone is None:
        zone = new_york(midnight.timestamp() + 17 * 3600).tzinfo
    hour, minute = clock.split(":")
    return midnight.replace(tzinfo=zone) + datetime.timedelta(minutes=60 * int(hour) + int(minute))


class Hours(dict):
    """{date: (open, close), or None for a holiday}; else weekdays are from 09:30 to 16:00, and the 24th of December
    closes early."""

    def of(self, day):
        usual = ("09:30", "13:00" if (day.month, day.day) == (12, 24) else "16:00") if day.weekday() < 5 else None
        return self.get(day, usual)

    def calendar(self, start=None, end=None):
        first = datetime.date.fromisoformat((start or datetime.date.today().isoformat())[:10])
        last = datetime.date.fromisoformat((end or (first + datetime.timedelta(7)).isoformat())[:10])
        days = [first + datetime.timedelta(number) for number in range(min((last - first).days + 1, 4000))]
        return [{"date": day.isoformat(), "open": self.of(day)[0], "close": self.of(day)[1], "session_open": "0400",
                 "session_close": "2000", "settlement_date": (day + datetime.timedelta(1)).isoformat()}
                for day in days if self.of(day)]

    def clock(self, seconds, may_open=True):
        """At that time; a market that may not open has closed until the next day that has hours."""
        now = new_york(seconds)
        days = [now.date() + datetime.timedelta(number) for number in range(-1, 15)]
        sessions = [tuple(at(day, clock) for clock in self.of(day)) for day in days if self.of(day)]
        following = next(session for session in sessions if session[0] > now)
        current = next((session for session in sessions if may_open and session[0] <= now < session[1]), None)
        return {"timestamp": now.isoformat(), "is_open": current is not None, "next_open": following[0].isoformat(),
                "next_close": (current or following)[1].isoformat()}
