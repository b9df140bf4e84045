"""Time recurrences as OpenSIPS reads them (after RFC 2445).

`tz|dtstart|dtend|duration|freq|until|interval|byday|bymday|byyday|byweekno|bymonth`, connected by `&`, `/`, `!` and
parentheses.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["Recurrence", "check_expression", "parse_recurrence"]

DAY = 86400
_FOREVER = 4294967295
_WEEKDAYS = {"SU": 0, "MO": 1, "TU": 2, "WE": 3, "TH": 4, "FR": 5, "SA": 6}
_FREQUENCIES = ("yearly", "monthly", "weekly", "daily")
_SPAN = {"daily": DAY, "weekly": 7 * DAY, "monthly": 31 * DAY, "yearly": 366 * DAY}
_DURATION = re.compile(
    r"(?:p(?:(\d+)w)?(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?|(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)",
    re.IGNORECASE,
)
_FIELDS = (
    "dtstart", "dtend", "duration", "freq", "until", "interval", "byday", "bymday", "byyday", "byweekno", "bymonth",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recurrence:
    """One parsed recurrence; times are UNIX seconds."""

    zone: tzinfo | None
    """None: the system's."""
    start: int
    end: int
    freq: str | None
    """yearly, monthly, weekly, daily, "" for one that is none of them, None when not given."""
    until: int | None
    interval: int | None
    byday: tuple[tuple[int, int], ...]
    """(week day with 0 for Sunday, number as written)."""
    bymday: tuple[int, ...]
    byyday: tuple[int, ...]
    byweekno: tuple[int, ...]
    bymonth: tuple[int, ...]

    @property
    def unit(self) -> str:
        """The shortest span that its rules speak of."""
        if self.freq == "daily" or self.byday or self.bymday or self.byyday:
            return "daily"
        if self.freq == "weekly" or self.byweekno:
            return "weekly"
        if self.freq == "monthly" or self.bymonth:
            return "monthly"
        return "yearly" if self.freq == "yearly" else ""

    def matches(self, now: int) -> bool:
        """Is this UNIX time within the recurrence?"""
        if now < self.start or (self.freq is None and now >= self.end):
            return False
        if self.freq is None:
            return True
        at = _local(now, self.zone)
        begun = _local(self.start, self.zone)
        if not self._in_interval(at, begun) or not self._in_unit(at, begun) or not self._in_rules(at):
            return False
        return self.until is None or now <= self.until

    def _in_interval(self, at: datetime, begun: datetime) -> bool:
        step = self.interval or 1
        if step == 1:
            return True
        days = at.date().toordinal() - begun.date().toordinal()
        if self.freq == "daily":
            return days % step == 0
        if self.freq == "weekly":
            weeks = (days - at.weekday() + begun.weekday()) // 7
            return weeks % step == 0
        if self.freq == "monthly":
            return ((at.year - begun.year) * 12 + at.month - begun.month) % step == 0
        return self.freq == "yearly" and (at.year - begun.year) % step == 0

    def _in_unit(self, at: datetime, begun: datetime) -> bool:
        """Is the time of day, week, month or year between that of the start and that of the end?"""
        unit = self.unit
        if not unit:
            return False
        duration = self.end - self.start
        if duration >= _SPAN[unit]:
            return True
        end = _local(self.end, self.zone)
        now, first, last = _clock(at), _clock(begun), _clock(end)
        if unit == "daily":
            if begun.day == end.day:
                return first <= now < last
            return now >= first or now < last
        x, one, other = (_position(unit, moment) for moment in (at, begun, end))
        if one < other:
            if not one <= x <= other:
                return False
            if one < x < other:
                return True
        elif other < one:
            if other < x < one:
                return False
            if x < other or x > one:
                return True
        elif x != one:
            return duration > DAY
        else:
            return first <= now < last
        return now > first if x == one else now < last

    def _in_rules(self, at: datetime) -> bool:
        """Do the BYxxx rules allow it?  Negative numbers count from the end."""
        days_of_month = calendar.monthrange(at.year, at.month)[1]
        days_of_year = 366 if calendar.isleap(at.year) else 365
        year_day = at.timetuple().tm_yday - 1
        if self.bymonth and not any(at.month - 1 == _from_start(month, 12) for month in self.bymonth):
            return False
        if self.freq == "yearly" and self.byweekno:
            last = datetime(at.year, 12, 31, tzinfo=at.tzinfo)
            weeks = _week_of_year(last) + 1
            if not any(_week_of_year(at) == _from_start(week, weeks) for week in self.byweekno):
                return False
        if self.byyday and not any(year_day == _from_start(day, days_of_year) for day in self.byyday):
            return False
        if self.bymday and not any(
            at.day == (day if day >= 0 else days_of_month + day + 1) for day in self.bymday
        ):  # fmt: skip
            return False
        return not self.byday or any(self._on_day(at, *rule) for rule in self.byday)

    def _on_day(self, at: datetime, weekday: int, number: int) -> bool:
        if (at.weekday() + 1) % 7 != weekday:
            return False
        if self.freq == "yearly":
            nth, most = divmod(at.timetuple().tm_yday - 1, 7)[0], _occurrences_of_year(at)
        elif self.freq == "monthly":
            days = calendar.monthrange(at.year, at.month)[1]
            nth, most = (at.day - 1) // 7, (days - 1 - (days - at.day) % 7) // 7 + 1
        else:
            return True
        wanted = number - 1 if number > 0 else number
        return nth == (wanted + most) % most


def _local(seconds: int, zone: tzinfo | None) -> datetime:
    if zone is not None:
        return datetime.fromtimestamp(seconds, zone)
    return datetime.fromtimestamp(seconds).astimezone()


def _clock(at: datetime) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second


def _position(unit: str, at: datetime) -> int:
    """Day of the week (Sunday 0), month or year."""
    if unit == "weekly":
        return (at.weekday() + 1) % 7
    return at.day if unit == "monthly" else at.timetuple().tm_yday


def _from_start(number: int, count: int) -> int:
    """Zero-based place of the n-th of `count`; negative numbers count from the end."""
    return (number - 1 if number >= 0 else count + number) % count


def _week_of_year(at: datetime) -> int:
    """Weeks since the first Monday of the year, which begins week 1."""
    return (at.timetuple().tm_yday - 1 + 7 - at.weekday()) // 7


def _occurrences_of_year(at: datetime) -> int:
    """How often this day's week day comes in the year."""
    days = 366 if calendar.isleap(at.year) else 365
    day = at.timetuple().tm_yday - 1
    return day // 7 + (days - 1 - day) // 7 + 1


# ------------------------------------------------------------------------------------------------------------- parsing
def _date(text: str, zone: tzinfo | None) -> int:
    """UNIX time of `20120101T000000`."""
    if len(text) != 15 or not (text[:8] + text[9:]).isdigit():
        raise ValueError(f"bad date-time {text}")
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[9:11]), int(text[11:13]), int(text[13:])
    if year < 1970 or month == 0 or day == 0:
        raise ValueError(f"bad date-time {text}")
    # mktime() carries what is too large over to the next unit
    try:
        base = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
        moment = base + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
        return int((moment.replace(tzinfo=zone) if zone is not None else moment).timestamp())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"bad date-time {text}") from error


def _duration(text: str) -> int:
    """Seconds of `P1DT2H` or `2H30M`."""
    match = _DURATION.fullmatch(text)
    if match is None or len(text) < 2:
        raise ValueError(f"bad duration {text}")
    weeks, days, *clock = (int(number or 0) for number in match.groups())
    hours, minutes, seconds = clock[0] + clock[3], clock[1] + clock[4], clock[2] + clock[5]
    return weeks * 7 * DAY + days * DAY + hours * 3600 + minutes * 60 + seconds


_LIST_ITEM = re.compile(r"[+ \t]*(-?)[+ \t]*(\d*)[ \t]*")
_DAY_ITEM = re.compile(r"[+ \t]*(-?)[+ \t]*(\d*)[ \t]*([A-Za-z]{2})[ \t]*")


def _numbers(text: str) -> tuple[int, ...]:
    found = []
    for item in text.split(","):
        match = _LIST_ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"bad list {text}")
        found.append(int(match[1] + (match[2] or "0")))
    return tuple(found)


def _days(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for item in text.split(","):
        match = _DAY_ITEM.fullmatch(item)
        if match is None or match[3].upper() not in _WEEKDAYS:
            raise ValueError(f"bad list of days {text}")
        found.append((_WEEKDAYS[match[3].upper()], int(match[1] + (match[2] or "0"))))
    return tuple(found)


@lru_cache(maxsize=256)
def parse_recurrence(text: str) -> Recurrence:
    """Parse one recurrence; ValueError when it is none."""
    parts = text.split("|")
    zone: tzinfo | None = None
    if parts[0][:1].isalpha() and parts[0][:1].isupper():
        zone = _zone(parts.pop(0))
    elif not parts[0] and len(parts) > 1:
        parts.pop(0)  # an empty time zone
    fields = dict(zip(_FIELDS, parts, strict=False))
    given = {name: value for name, value in fields.items() if value}
    start = _date(given["dtstart"], zone) if "dtstart" in given else 0
    freq = None
    if "freq" in given:
        name = given["freq"].lower()
        freq = name if name in _FREQUENCIES else ""
    elif given.keys() & {"until", "interval", "byday", "bymday", "byyday", "bymonth", "byweekno"}:
        raise ValueError("missing FREQ component")
    interval = re.match(r"\d*", given["interval"]) if "interval" in given else None
    made = Recurrence(
        zone, start, 0, freq,
        _date(given["until"], zone) if "until" in given else None,
        int(interval[0] or 0) if interval is not None else None,
        _days(given["byday"]) if "byday" in given else (),
        _numbers(given["bymday"]) if "bymday" in given else (),
        _numbers(given["byyday"]) if "byyday" in given else (),
        _numbers(given["byweekno"]) if "byweekno" in given else (),
        _numbers(given["bymonth"]) if "bymonth" in given else (),
    )  # fmt: skip
    if "duration" in given:
        end = start + _duration(given["duration"])
    elif "dtend" in given:
        end = _date(given["dtend"], zone)
    else:
        end = _natural_end(made)
    return replace(made, end=end)


def _natural_end(made: Recurrence) -> int:
    """Without an end: to the end of the day, week, month or year of the start, or for good."""
    unit = made.unit
    if not unit:
        return _FOREVER
    begun = _local(made.start, made.zone)
    days = {
        "daily": 0, "weekly": (begun.weekday() + 1) % 7, "monthly": begun.day,
        "yearly": begun.timetuple().tm_yday - 1,
    }  # fmt: skip
    return made.start + _SPAN[unit] - days[unit] * DAY - _clock(begun)


def _zone(name: str) -> tzinfo:
    """The zone of this name; an unknown one counts as UTC, as in the C library."""
    if name.upper() in ("UTC", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return timezone(timedelta(0))


# --------------------------------------------------------------------------------------------------------- expressions
def check_expression(text: str, now: int) -> bool:
    """Does a time match an expression of recurrences?  ValueError when it is none.

    Operands are recurrences and expressions in parentheses, `!` before one inverts it; `&` and `/` (or) connect them,
    and only one of the two may stand at one level.
    """
    results: list[bool] = []
    operator = ""
    invert = False
    wanted = "operand"
    at = 0
    while at < len(text):
        char = text[at]
        if char in " \t\r\n":
            at += 1
        elif wanted == "operator":
            if char not in "&/" or operator not in ("", char):
                raise ValueError(f"unexpected {char!r} (only one kind of operator is allowed)")
            operator, wanted = char, "operand"
            at += 1
        elif char == "!":
            invert = not invert
            at += 1
        elif char in ")&/":
            raise ValueError(f"unexpected {char!r}")
        else:
            if char == "(":
                end = _closing(text, at)
                result = check_expression(text[at + 1 : end].strip(), now)
                at = end + 1
            else:
                end = _operand_end(text, at)
                result = parse_recurrence(text[at:end]).matches(now)
                at = end
            results.append(result is not invert)
            invert, wanted = False, "operator"
    if operator and wanted == "operand":
        raise ValueError("missing operand")
    return all(results) if operator == "&" else any(results)


def _closing(text: str, at: int) -> int:
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if not depth:
            return i
    raise ValueError("bad parentheses")


def _operand_end(text: str, at: int) -> int:
    """Where a recurrence ends.  A `/` before its first `|` belongs to the time zone."""
    valid = False
    for i in range(at, len(text)):
        char = text[i]
        if char in "!()":
            raise ValueError(f"unexpected {char!r}")
        if char == "|":
            valid = True
        if char in " \t\r\n&" or (char == "/" and valid):
            return i
    return len(text)
