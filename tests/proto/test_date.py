"""Dates against the standard library."""

import datetime
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto.hands import span

UTC = datetime.UTC
FIRST, LAST = -62135596800, 253402300799
NOW = 1_800_000_000  # January 2027
SECONDS = st.integers(FIRST, LAST) | st.integers(-(10**9), 5 * 10**9)


def show(seconds):
    out = ffi.new("char[]", lib.DATE_SIZE)
    lib.date_format(seconds, out)
    return ffi.unpack(out, lib.DATE_SIZE)


def read(text, now=NOW):
    seconds = ffi.new("int64_t *")
    return seconds[0] if lib.date_parse(span(text), now, seconds) else None


def moment(seconds):
    return datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=seconds)


def seconds_of(when):
    return int((when - datetime.datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def fixed(seconds):
    return email.utils.format_datetime(moment(seconds), usegmt=True).encode()


@pytest.mark.parametrize(
    "seconds",
    [FIRST, LAST, 0, -1, 1, 784111777, 951782400, 68169599, 68169600, 4107542400, -2203891200],
)
def test_ends_and_leap_days(seconds):
    assert show(seconds) == fixed(seconds)
    assert read(show(seconds)) == seconds


@given(seconds=SECONDS)
def test_dates_are_written_as_the_standard_library_does(seconds):
    assert show(seconds) == fixed(seconds)


@given(seconds=st.integers(-(2**63), 2**63 - 1))
def test_any_number_of_seconds_is_clamped(seconds):
    assert show(seconds) == fixed(min(max(seconds, FIRST), LAST))


@given(seconds=SECONDS)
def test_what_is_written_is_read(seconds):
    assert read(show(seconds)) == seconds


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 2100, 9999])
def test_every_day_of_a_year(year):
    start = datetime.datetime(year, 1, 1, 12, tzinfo=UTC)
    for day in range(366 if year % 4 == 0 and (year % 100 or not year % 400) else 365):
        seconds = int((start - moment(0)).total_seconds()) + day * 86400
        assert read(show(seconds)) == seconds
        assert show(seconds) == fixed(seconds)


@given(seconds=SECONDS)
def test_the_form_of_asctime(seconds):
    when = moment(seconds)
    text = f"{when:%a %b} {when.day:2} {when:%H:%M:%S} {when.year:04}".encode()

    assert read(text) == seconds


@given(now=st.integers(FIRST, LAST) | st.integers(0, 2**33), seconds=SECONDS)
def test_two_digits_of_a_year_are_at_most_fifty_years_ahead(now, seconds):
    when = moment(seconds)
    text = f"{when:%A}, {when:%d-%b}-{when.year % 100:02} {when:%H:%M:%S} GMT".encode()
    latest = moment(now).year + 50
    year = next(year for year in range(latest, latest - 100, -1) if year % 100 == when.year % 100)

    try:
        expected = int((when.replace(year=year) - moment(0)).total_seconds())
    except ValueError:  # a year too early or late, or without this leap day
        expected = None
    assert read(text, now) == expected


def test_the_examples_of_the_rfc():
    assert read(b"Sun, 06 Nov 1994 08:49:37 GMT") == 784111777
    assert read(b"Sunday, 06-Nov-94 08:49:37 GMT") == 784111777
    assert read(b"Sun Nov  6 08:49:37 1994") == 784111777


def test_a_leap_second_is_the_next_minute():
    assert read(b"Sat, 31 Dec 2016 23:59:60 GMT") == read(b"Sun, 01 Jan 2017 00:00:00 GMT")


def test_any_now_will_do():
    assert read(b"Sunday, 06-Nov-94 08:49:37 GMT", -(2**63)) is None  # the year -6
    assert show(read(b"Sunday, 06-Nov-94 08:49:37 GMT", 2**63 - 1)).split()[3] == b"9994"
    assert read(b"Sunday, 06-Nov-49 08:49:37 GMT", 2**63 - 1) is None  # the year 10049


@pytest.mark.parametrize(
    "text",
    [b"", b"foo", b"0", b"Sun, 06 Nov 1994 08:49:37", b"Sun, 06 Nov 1994 08:49:37 GMT ",
     b" Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 6 Nov 1994 08:49:37 GMT",
     b"Sun,  6 Nov 1994 08:49:37 GMT", b"Sun; 06 Nov 1994 08:49:37 GMT",
     b"Sun, 06-Nov-1994 08:49:37 GMT", b"sun, 06 nov 1994 08:49:37 gmt",
     b"Xxx, 06 Nov 1994 08:49:37 GMT", b"Sun, 06 Xxx 1994 08:49:37 GMT",
     b"Sun, 06 Nov 1994 08:49:37 UTC", b"Sun, 06 Nov 1994 24:00:00 GMT",
     b"Sun, 06 Nov 1994 08:60:37 GMT", b"Sun, 06 Nov 1994 08:49:61 GMT",
     b"Sun, 00 Nov 1994 08:49:37 GMT", b"Sun, 31 Nov 1994 08:49:37 GMT",
     b"Sun, 29 Feb 2023 08:49:37 GMT", b"Sun, 29 Feb 1900 08:49:37 GMT",
     b"Sun, 06 Nov 0000 08:49:37 GMT", b"Sun, 06 Nov -994 08:49:37 GMT",
     b"Sun, 06 Nov 1994 08.49.37 GMT", b"Sun, 06 Nov 1994 08:49.37 GMT",
     b"Sun, +6 Nov 1994 08:49:37 GMT", b"Sun, 06_Nov 1994 08:49:37 GMT",
     b"Sun, 06 Nov_1994 08:49:37 GMT", b"Sun, 06 Nov 1994_08:49:37 GMT",
     b"Sun, 06 Nov 1994 x8:49:37 GMT", b"Sun, 06 Nov 1994 08:x9:37 GMT",
     b"Sun, 06 Nov 1994 08:49:x7 GMT", b"Sun, 06 Nov 199x 08:49:37 GMT",
     b"Sunday, 06-Nov-1994 08:49:37 GMT", b"Sun, 06-Nov-94 08:49:37 GMT",
     b"Sunday  06-Nov-94 08:49:37 GMT", b"Sunday, x6-Nov-94 08:49:37 GMT",
     b"Sunday, 06 Nov-94 08:49:37 GMT", b"Sunday, 06-Nox-94 08:49:37 GMT",
     b"Sunday, 06-Nov 94 08:49:37 GMT", b"Sunday, 06-Nov-x4 08:49:37 GMT",
     b"Sunday, 06-Nov-94-08:49:37 GMT", b"Sunday, 06-Nov-94 08:49-37 GMT",
     b"Sunday, 06-Nov-94 08:49:37 gmt", b"Someday, 06-Nov-94 08:49:37 GMT",
     b"Sun Nov 06  8:49:37 1994", b"Sun Nov 6 08:49:37 1994", b"Xun Nov  6 08:49:37 1994",
     b"Sun,Nov  6 08:49:37 1994", b"Sun Nox  6 08:49:37 1994", b"Sun Nov, 6 08:49:37 1994",
     b"Sun Nov  x 08:49:37 1994", b"Sun Nov x6 08:49:37 1994", b"Sun Nov  6T08:49:37 1994",
     b"Sun Nov  6 08:49-37 1994", b"Sun Nov  6 08:49:37-1994", b"Sun Nov  6 08:49:37 199x"],
)  # fmt: skip
def test_what_is_no_date_is_none(text):
    assert read(text) is None


@given(text=st.binary(max_size=40), place=st.integers(0, 29), seconds=SECONDS)
def test_no_other_bytes_do_harm(text, place, seconds):
    read(text)
    read(show(seconds)[:place] + text + show(seconds)[place + len(text) :])


def test_the_edges_of_every_year():
    """The last second of a year and the first of the next, from year 1 to 9999."""
    for year in range(1, 10000):
        first = seconds_of(datetime.datetime(year, 1, 1, tzinfo=UTC))
        last = seconds_of(datetime.datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
        assert show(first)[5:] == b"01 Jan %04d 00:00:00 GMT" % year
        assert show(last)[5:] == b"31 Dec %04d 23:59:59 GMT" % year
