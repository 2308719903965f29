"""Files beside a file, already compressed: a.txt.br and a.txt.gz."""

import pytest
from asking import CHANGED, SECOND, File, Site

PLAIN, BROTLI, GZIP = File(b"plain", inode=1), File(b"br", inode=2), File(b"gz", inode=3)
CODINGS = {b"plain": None, b"br": "br", b"gz": "gzip"}


def site(*endings):
    files = {"a.txt": PLAIN, "a.txt.br": BROTLI, "a.txt.gz": GZIP}
    return Site(
        {name: file for name, file in files.items() if name[5:] in ("", *endings)}, siblings=True
    )


@pytest.mark.parametrize(
    ("accept", "there", "body"),
    [
        (None, ".br .gz", b"plain"),
        ("", ".br .gz", b"plain"),
        ("br", ".br .gz", b"br"),
        ("gzip", ".br .gz", b"gz"),
        ("x-gzip", ".br .gz", b"gz"),
        ("gzip, deflate, br", ".br .gz", b"br"),
        ("gzip, br", ".gz", b"gz"),
        ("gzip;q=0.5, br;q=0.4", ".br .gz", b"gz"),
        ("gzip;q=0.5, br;q=0.4", ".br", b"br"),
        ("gzip;q=0, br;q=0", ".br .gz", b"plain"),
        ("gzip;q=0", ".br .gz", b"plain"),
        ("br;q=0.001", ".br .gz", b"br"),
        ("*", ".br .gz", b"br"),
        ("*, br;q=0", ".br .gz", b"gz"),
        ("identity;q=1, br;q=0.5", ".br .gz", b"plain"),
        ("identity;q=0", ".br .gz", b"plain"),
        ("identity;q=0, gzip", "", b"plain"),
        ("deflate", ".br .gz", b"plain"),
        ("brr", ".br .gz", b"plain"),
    ],
)
def test_the_client_gets_what_it_likes_best(accept, there, body):
    fields = [] if accept is None else [("Accept-Encoding", accept)]
    answer = site(*there.split()).ask("/a.txt", fields)

    assert (200, body) == (answer.status, answer.body)
    assert answer.get("Content-Encoding") == CODINGS[body]
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert answer.get("Content-Length") == str(len(body))


@pytest.mark.parametrize(
    ("accept", "there", "varies"),
    [
        ("br", ".br .gz", True),
        ("gzip", ".br", True),  # br was not asked for: it may be there
        ("", "", True),
        ("gzip, br", ".gz", True),
        ("gzip, br", "", False),  # looked for both: nothing there to vary
    ],
)
def test_vary_stands_unless_there_is_surely_nothing_to_vary(accept, there, varies):
    answer = site(*there.split()).ask("/a.txt", [("Accept-Encoding", accept)])

    assert answer.get("Vary") == ("Accept-Encoding" if varies else None)


@pytest.mark.parametrize("accept", ["", "gzip;q=0", "identity", "deflate"])
def test_who_takes_no_coding_costs_one_look(accept):
    assert len(site(".br", ".gz").ask("/a.txt", [("Accept-Encoding", accept)]).looks) == 1


def test_siblings_are_off_unless_asked_for():
    answer = Site({"a.txt": PLAIN, "a.txt.br": BROTLI}).ask("/a.txt", [("Accept-Encoding", "br")])

    assert (b"plain", None, 1) == (answer.body, answer.get("Vary"), len(answer.looks))


def test_a_sibling_alone_is_no_file():
    assert (
        Site({"a.txt.br": BROTLI}, siblings=True).ask("/a.txt", [("Accept-Encoding", "br")]).status
        == 404
    )


def test_an_index_has_siblings_too():
    tree = {"d/index.html": PLAIN, "d/index.html.gz": GZIP}
    answer = Site(tree, siblings=True).ask("/d/", [("Accept-Encoding", "gzip")])

    assert (b"gz", "text/html; charset=utf-8") == (answer.body, answer.get("Content-Type"))


@pytest.mark.parametrize("kind", ["directory", "other", "forbidden", "failed"])
def test_a_sibling_that_cannot_be_had_is_none(kind):
    tree = {"a.txt": PLAIN, "a.txt.br": File(kind=kind)}
    answer = Site(tree, siblings=True).ask("/a.txt", [("Accept-Encoding", "br")])

    assert (200, b"plain") == (answer.status, answer.body)


def test_a_sibling_that_is_pending_is_waited_for():
    tree = {"a.txt": PLAIN, "a.txt.br": File(kind="pending")}

    assert Site(tree, siblings=True).ask("/a.txt", [("Accept-Encoding", "br")]).kind == "pending"


def test_an_old_sibling_is_used():
    old = File(b"br", mtime_ns=(CHANGED - 1000) * SECOND)
    tree = {"a.txt": PLAIN, "a.txt.br": old}

    assert Site(tree, siblings=True).ask("/a.txt", [("Accept-Encoding", "br")]).body == b"br"


def test_tags_of_codings_differ_even_for_one_inode():
    tree = {"a.txt": PLAIN, "a.txt.br": PLAIN, "a.txt.gz": PLAIN}
    accepts = ["identity", "br", "gzip"]
    tags = {
        Site(tree, siblings=True).ask("/a.txt", [("Accept-Encoding", accept)]).get("ETag")
        for accept in accepts
    }

    assert len(tags) == 3


def test_ranges_and_conditions_are_of_the_coding_chosen():
    accept = ("Accept-Encoding", "br")
    whole = site(".br").ask("/a.txt", [accept])
    part = site(".br").ask("/a.txt", [accept, ("Range", "bytes=1-")])
    same = site(".br").ask("/a.txt", [accept, ("If-None-Match", whole.get("ETag"))])
    other = site(".br").ask("/a.txt", [("If-None-Match", whole.get("ETag"))])

    assert (206, b"r", "bytes 1-1/2") == (part.status, part.body, part.get("Content-Range"))
    assert part.get("Content-Encoding") == "br"
    assert (304, "Accept-Encoding") == (same.status, same.get("Vary"))
    assert other.status == 200
