"""Conditional requests: every combination of the fields against a model of RFC 9110 13.2.2."""

import itertools

import pytest
from asking import CHANGED, NOW, SECOND, File, Site, http_date

FILE = File(b"0123456789")
SITE = Site({"f": FILE})
TAG = SITE.ask("/f").get("ETag")
OTHER = '"other"'
EARLIER, SAME, LATER = http_date(CHANGED - 1), http_date(CHANGED), http_date(CHANGED + 1)

# A value, and whether its condition holds: None when the field is to be overlooked.
IF_MATCH = {
    None: None,
    TAG: True,
    f"{OTHER}, {TAG}": True,
    "*": True,
    OTHER: False,
    "W/" + TAG: False,
}
IF_UNMODIFIED = {None: None, EARLIER: False, SAME: True, LATER: True, "yesterday": None}
IF_NONE = {
    None: None,
    TAG: False,
    f"{OTHER}, W/{TAG}": False,
    "*": False,
    OTHER: True,
}
IF_MODIFIED = {None: None, EARLIER: True, SAME: False, LATER: False, "foo": None}
IF_RANGE = {
    None: None,
    TAG: True,
    SAME: True,
    "W/" + TAG: False,
    OTHER: False,
    EARLIER: False,
    LATER: False,
    "": False,
}
RANGES = {None: None, "bytes=2-4": True}


def model(method, match, unmodified, none, modified, if_range, ranges):
    """The steps of section 13.2.2, in their words."""
    if match is not None:
        if not match:
            return 412
    elif unmodified is False:
        return 412
    if none is not None:
        if not none:
            return 304
    elif modified is False:
        return 304
    if method == "GET" and ranges and if_range is not False:
        return 206
    return 200


@pytest.mark.slow
@pytest.mark.native
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_combination_is_judged_in_the_order_of_the_rfc(method):
    names = (
        "If-Match",
        "If-Unmodified-Since",
        "If-None-Match",
        "If-Modified-Since",
        "If-Range",
        "Range",
    )
    tables = (IF_MATCH, IF_UNMODIFIED, IF_NONE, IF_MODIFIED, IF_RANGE, RANGES)
    wrong = []
    for values in itertools.product(*tables):
        fields = [
            (name, value) for name, value in zip(names, values, strict=True) if value is not None
        ]
        truth = [table[value] for table, value in zip(tables, values, strict=True)]
        answer = SITE.ask("/f", fields, method=method)
        if answer.status != model(method, *truth):
            wrong.append((fields, answer.status))

    assert wrong == []


def test_last_modified_is_the_whole_second():
    site = Site({"f": File(mtime_ns=CHANGED * SECOND + 999_999_999)})

    assert site.ask("/f").get("Last-Modified") == SAME
    assert site.ask("/f", [("If-Modified-Since", SAME)]).status == 304
    assert site.ask("/f", [("If-Unmodified-Since", SAME)]).status == 200


def test_a_file_of_the_future_was_not_modified_later_than_now():
    site = Site({"f": File(mtime_ns=(NOW + 500) * SECOND)})

    assert site.ask("/f").get("Last-Modified") == http_date(NOW)
    assert site.ask("/f", [("If-Modified-Since", http_date(NOW))]).status == 200


def test_a_file_from_before_1970_has_a_date():
    site = Site({"f": File(mtime_ns=-1)})

    assert site.ask("/f").get("Last-Modified") == "Wed, 31 Dec 1969 23:59:59 GMT"


@pytest.mark.parametrize(("age", "status"), [(-1, 200), (0, 200), (1, 200), (2, 206), (3, 206)])
def test_a_date_is_no_strong_validator_for_a_young_file(age, status):
    site = Site({"f": File(mtime_ns=(NOW - age) * SECOND)})
    fields = [("Range", "bytes=0-1"), ("If-Range", http_date(NOW - age))]

    assert site.ask("/f", fields).status == status


@pytest.mark.parametrize("date", ["Wednesday, 01-Nov-23 08:26:40 GMT", "Wed Nov  1 08:26:40 2023"])
def test_old_forms_of_dates_are_understood(date):
    changed = 1_698_827_200
    site = Site({"f": File(mtime_ns=changed * SECOND)})

    assert http_date(changed) == "Wed, 01 Nov 2023 08:26:40 GMT"
    assert site.ask("/f", [("If-Modified-Since", date)]).status == 304
    assert site.ask("/f", [("Range", "bytes=0-0"), ("If-Range", date)]).status == 206


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
def test_a_date_given_twice_is_overlooked(name):
    date = LATER if name == "If-Modified-Since" else EARLIER

    assert SITE.ask("/f", [(name, date), (name, date)]).status == 200


def test_lists_go_on_in_further_lines():
    assert SITE.ask("/f", [("If-None-Match", OTHER), ("If-None-Match", TAG)]).status == 304
    assert SITE.ask("/f", [("If-Match", OTHER), ("If-Match", TAG)]).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_says_no_more_than_it_must(method):
    answer = SITE.ask("/f", [("If-None-Match", TAG)], method=method)

    assert answer.names == {"Date", "ETag"}
    assert (TAG, (), None) == (answer.get("ETag"), answer.pieces, answer.file)


def test_a_failed_condition_has_a_text():
    answer = SITE.ask("/f", [("If-Match", OTHER)])

    assert (412, b"412 Precondition Failed\n") == (answer.status, answer.body)


def test_conditions_are_for_what_would_have_succeeded():
    fields = [("If-Match", OTHER), ("If-None-Match", "*")]

    assert SITE.ask("/none", fields).status == 404
    assert SITE.ask("/f", fields, method="POST").status == 405
    assert SITE.ask("/f", fields, method="OPTIONS").status == 204


def test_the_tag_changes_with_the_file():
    changed = [
        File(FILE.content, inode=8),
        File(FILE.content + b"!"),
        File(FILE.content, mtime_ns=FILE.mtime_ns + 1),
    ]
    tags = [Site({"f": file}).ask("/f").get("ETag") for file in (FILE, *changed)]

    assert len(set(tags)) == 4
