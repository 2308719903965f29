"""Log lines of servers: Common and Combined Log Format, uWSGI's own.

A parser takes a line and gives (stamp in µs, figure, unit): the figure is how
long the request took, as it stands, its unit "us", "ms", "s" or "" when the
line does not say.  None: no request, as far as one can see.  ValueError: it
looks like one and cannot be read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from .loads import SECOND

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}


class Line(NamedTuple):
    stamp_us: int
    figure: float | None = None
    unit: str = ""


def _epoch_us(year: int, month: int, day: int, clock: str, zone: timezone = UTC) -> int:
    hour, minute, second = (int(part) for part in clock.split(":"))
    leap = second == 60
    moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone)
    return (round(moment.timestamp()) + leap) * SECOND


# host ident user [10/Oct/2000:13:55:36 -0700] "request" status bytes, and the tail.
# The user may hold blanks; the request may hold escaped quotes.
_COMMON = re.compile(
    r"""
    \S+ \s [^\[]* \[ (?P<stamp> \d{1,2} / [A-Za-z]{3} / \d{4} : [\d:.]+ (?:\s[+-]\d{4})? ) \] \s+
    " [^"\\]* (?: \\. [^"\\]* )* " \s+ (?: \d{3} | - ) \s+ (?: \d+ | - ) (?P<tail> \s.* )? $
    """,
    re.VERBOSE,
)
_OLD = re.compile(r'" (?P<status>\d{3}|-) (?P<bytes>\d+|-)$')  # 1995: quotes inside quotes
_STAMP = re.compile(r"\[(\d{1,2}/[A-Za-z]{3}/\d{4}:[^\]]+)\]")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')
_AGENT = re.compile(
    r'^\s*"[^"\\]*(?:\\.[^"\\]*)*"\s+"[^"\\]*(?:\\.[^"\\]*)*"'
)  # and referer, of Combined
_NAMED = re.compile(
    r"(?:^|\s)(?:rt|request_time|response_time|duration|D|T)[=:]\"?(\d+(?:\.\d+)?)(us|ms|s)?\b"
)
_BARE = re.compile(r"(?<![^\s])(\d+(?:\.\d+)?)(us|ms|s)?(?![^\s,;])")


@lru_cache(maxsize=1024)
def _common_stamp(text: str) -> int:
    date, _, rest = text.partition(":")
    day, month, year = date.split("/")
    clock, _, offset = rest.partition(" ")
    zone = UTC
    if offset:
        minutes = int(offset[1:3]) * 60 + int(offset[3:5])
        zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    whole, _, fraction = clock.partition(".")
    number = _MONTHS.get(month.capitalize())
    if number is None:
        raise ValueError(f"no month {month!r}")
    part = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return _epoch_us(int(year), number, int(day), whole, zone) + part


def common(line: str) -> Line | None:
    """Common or Combined Log Format, with the response time behind it if there is one."""
    if line.startswith("#"):
        return None
    found = _COMMON.match(line)
    if found:
        stamp, tail = found["stamp"], found["tail"] or ""
    else:
        old, stamped = _OLD.search(line), _STAMP.search(line)
        if not old or not stamped:
            raise ValueError("not a line of the Common Log Format")
        stamp, tail = stamped[1], ""
    stamp_us = _common_stamp(stamp)
    if not tail:
        return Line(stamp_us)
    return Line(stamp_us, *_duration(tail))


def _duration(tail: str) -> tuple[float | None, str]:
    """A named figure, else one with its unit, else the first bare one, quoted or not: one with a
    fraction if there is any, for a port or a size has none.
    """
    agent = _AGENT.match(tail)
    tail = (tail[agent.end() :] if agent else tail).strip()
    if _figure(tail):
        return float(tail), ""
    named = _NAMED.search(tail)
    if named:
        return float(named[1]), named[2] or ""
    bare = _BARE.findall(_QUOTED.sub(lambda found: found[1] if _figure(found[1]) else "-", tail))
    for figure, unit in bare:
        if unit:
            return float(figure), unit
    if not bare:
        return None, ""
    figure, _ = next((found for found in bare if "." in found[0]), bare[0])
    return float(figure), ""


def _figure(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


# [pid: 7|app: 0|req: 1/1] 10.0.0.1 () {40 vars in 500 bytes} [Tue Mar  5 10:11:12 2024] GET / =>
# generated 12 bytes in 3 msecs (HTTP/1.1 200) ...
_UWSGI = re.compile(
    r"\[[A-Za-z]{3}\s+([A-Za-z]{3})\s+(\d{1,2})\s+(\d\d:\d\d:\d\d)\s+(\d{4})\]"
    r".*=>\s+generated\s+\d+\s+bytes\s+in\s+(\d+)\s+(msecs|micros|nanos)"
)
_UWSGI_UNITS = {"msecs": ("ms", 1.0), "micros": ("us", 1.0), "nanos": ("us", 1e-3)}


@lru_cache(maxsize=1024)
def _ctime(month: str, day: str, clock: str, year: str) -> int:
    number = _MONTHS.get(month.capitalize())
    if number is None:
        raise ValueError(f"no month {month!r}")
    return _epoch_us(int(year), number, int(day), clock)


def uwsgi(line: str) -> Line | None:
    """A request line of uWSGI; its other messages are no requests."""
    found = _UWSGI.search(line)
    if found:
        unit, factor = _UWSGI_UNITS[found[6]]
        return Line(_ctime(*found.group(1, 2, 3, 4)), float(found[5]) * factor, unit)
    if "[pid: " in line and "|req: " in line:
        raise ValueError("a request line of uWSGI without stamp or duration")
    return None
