"""csrc/conn: every edge of the picture in conn.h."""

import pytest
from whitebox import lib

from conn.driving import UWSGI, Conn

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
PING = b"\x64\0\0\0"


def post(size, more=b""):
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n" % (size, more)


def packet(**variables):
    body = b"".join(
        len(part).to_bytes(2, "little") + part
        for name, value in variables.items()
        for part in (name.encode(), value.encode())
    )
    return b"\0" + len(body).to_bytes(2, "little") + b"\0" + body


def asked(head, **limits):
    conn = Conn(**limits)
    assert conn.asked(head) == 0
    return conn


def skipping(head, **limits):
    conn = asked(head, **limits)
    conn.answer()
    conn.answered()
    return conn


# ---- IDLE and HEAD ----


def test_nothing_read_changes_nothing():
    conn = Conn()

    assert (conn.look(b"")[0], conn.state) == ("READ", "IDLE")


def test_first_bytes_begin_a_head():
    conn = Conn()

    assert (conn.look(GET[:5])[0], conn.state) == ("READ", "HEAD")
    assert (conn.look(GET)[0], conn.state) == ("REQUEST", "ASKED")


def test_whole_head_is_asked_at_once_and_ends_where_it_ends():
    conn = Conn()

    assert conn.look(GET + b"GET /next") == ("REQUEST", len(GET))
    assert conn.state == "ASKED"


@pytest.mark.parametrize(
    ("head", "limits", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", {}, 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 300, {"head_size": 200}, 431),
        (b"GET /" + b"x" * 300 + b" HTTP/1.1\r\n", {"target_size": 100}, 414),
    ],
)
def test_a_bad_head_is_a_request_whose_parsing_says_why(head, limits, status):
    conn = Conn(**limits)
    verdict, end = conn.look(head)

    assert (verdict, end, conn.parse(head)) == ("REQUEST", len(head), status)
    conn.refuse()
    assert conn.state == "ANSWERING"
    conn.answered()
    assert conn.state == "CLOSING"


def test_uwsgi_packet_is_asked_when_it_is_whole():
    conn = Conn(UWSGI)
    data = packet(REQUEST_METHOD="GET", PATH_INFO="/a", CONTENT_LENGTH="")

    assert conn.look(data[:7])[0] == "READ"
    assert conn.asked(data) == 0
    assert not conn.keeps


def test_uwsgi_ping_and_other_modifiers_close():
    for data, verdict in ((PING, "PING"), (b"\x05\1\0\0x", "END")):
        conn = Conn(UWSGI)

        assert (conn.look(data)[0], conn.state) == (verdict, "CLOSING")


def test_a_packet_larger_than_the_limit_is_the_end():
    conn = Conn(UWSGI, head_size=100)

    assert conn.look(b"\0\xff\xff\0")[0] == "END"


# ---- ASKED ----


def test_answered_from_the_site_goes_on_to_the_next_request():
    conn = asked(GET)

    conn.answer()
    assert conn.state == "ANSWERING"
    conn.answered()
    assert conn.state == "IDLE"


@pytest.mark.parametrize("head", [CLOSING, OLD])
def test_a_client_that_wants_the_end_gets_it(head):
    conn = skipping(head)

    assert (conn.state, conn.conn.close_said) == ("CLOSING", True)


def test_the_last_request_of_a_connection_and_of_a_drained_front_closes():
    last = skipping(GET, requests=1)
    drained = Conn()
    assert drained.asked(GET, draining=True) == 0

    assert last.state == "CLOSING"
    assert not drained.keeps


def test_without_keep_alive_every_answer_is_the_last():
    assert skipping(GET, keepalive_ms=lib.CONN_NEVER_MS).state == "CLOSING"


def test_a_request_for_python_without_a_body_is_called():
    conn = asked(GET)

    conn.call()
    assert conn.state == "CALLED"
    conn.answer_called()
    conn.answered()
    assert conn.state == "IDLE"


def test_a_streamed_body_is_pythons_to_read():
    conn = asked(post(5))

    conn.call(streamed=True)
    assert conn.state == "CALLED"
    assert conn.body(b"abcde") == (5, b"abcde", 0)
    assert conn.body_ended


def test_a_length_above_the_limit_is_refused_before_it_comes():
    conn = Conn(body_size=10)

    assert conn.asked(post(11)) == 413
    assert Conn(body_size=10).asked(post(10)) == 0


def test_head_is_remembered():
    assert asked(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").conn.head_only
    assert not asked(GET).conn.head_only


# ---- BODY ----


def test_a_body_is_collected_then_called():
    conn = asked(post(5))

    conn.call()
    assert conn.state == "BODY"
    assert conn.body(b"abc") == (3, b"abc", 0)
    assert not conn.body_ended
    assert conn.body(b"deGET") == (2, b"de", 0)
    conn.called()
    assert conn.state == "CALLED"


def test_a_body_that_does_not_move_is_late_all_the_same():
    """Nothing taken is no progress: the time is not set back."""
    conn = asked(post(10))
    conn.call()
    conn.body(b"123")
    since = conn.conn.since_us
    conn.now += 20_000_000

    assert conn.body(b"") == (0, b"", 0)
    assert conn.conn.since_us == since
    assert conn.body(b"4") == (1, b"4", 0)
    assert conn.conn.since_us == conn.now


def test_bad_chunks_are_refused():
    conn = asked(CHUNKED)
    conn.call()

    assert conn.body(b"zz\r\n")[2] == 400
    conn.refuse()
    conn.answered()
    assert conn.state == "CLOSING"


def test_chunks_above_the_limit_are_refused():
    conn = asked(CHUNKED, body_size=4)
    conn.call()

    assert conn.body(b"5\r\nabcde\r\n")[2] == 413


# ---- after the answer ----


def test_an_unwanted_body_is_skipped():
    conn = skipping(post(5))

    assert conn.state == "SKIPPING"
    assert conn.skip(b"abc") == 3
    assert conn.state == "SKIPPING"
    assert conn.skip(b"deGET /") == 2
    assert conn.state == "IDLE"


def test_a_body_too_long_to_skip_closes():
    much = lib.CONN_SKIP_MAX + 1

    assert not asked(post(much)).keeps
    assert skipping(post(much)).state == "CLOSING"
    assert skipping(post(much - 1)).state == "SKIPPING"


def test_chunks_are_skipped_up_to_the_same_bound():
    conn = skipping(CHUNKED)
    size = lib.CONN_SKIP_MAX + 1

    assert conn.state == "SKIPPING"
    conn.skip(b"%x\r\n" % size + b"x" * size)
    assert conn.state == "CLOSING"


def test_what_python_has_read_of_a_body_does_not_count_as_skipped():
    conn = asked(CHUNKED)
    size = lib.CONN_SKIP_MAX - 1000
    conn.call(streamed=True)
    data = b"%x\r\n" % size + b"x" * size
    used, _, _ = conn.body(data)
    assert used == len(data)

    conn.answer_called()
    conn.answered()
    assert conn.state == "SKIPPING"
    conn.skip(b"\r\n%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n")
    assert conn.state == "IDLE"


def test_bad_chunks_end_the_skipping():
    conn = skipping(CHUNKED)

    conn.skip(b"nonsense")
    assert conn.state == "CLOSING"


def test_who_waits_for_a_100_cannot_be_kept():
    """It may send the body, or not: nobody can tell where the next head begins."""
    head = post(5, b"Expect: 100-continue\r\n")

    assert not asked(head).keeps
    assert skipping(head).state == "CLOSING"


def test_what_came_before_a_refusal_does_not_keep_it():
    conn = asked(GET)
    conn.refuse()

    assert (conn.conn.keep_alive, conn.conn.close_said) == (False, False)


# ---- time ----


def test_each_wait_has_its_limit():
    fresh, head, kept = Conn(), Conn(), skipping(GET)
    head.look(GET[:3])

    assert (fresh.due(), head.due(), kept.due()) == (10_000_000, 10_000_000, 15_000_000)
    assert asked(GET).due() is None


def test_a_body_must_move_and_keep_a_rate():
    conn = asked(post(1 << 20))
    conn.call()
    assert conn.due() == 30_000_000

    conn.now += 29_000_000
    conn.body(b"x")
    assert conn.due() == 1_000_000  # a byte earns nothing
    conn.body(b"x" * lib.CONN_BODY_RATE * 60)
    assert conn.due() == 30_000_000


def test_a_late_head_or_body_is_told_so():
    head, body = Conn(), asked(post(5))
    head.look(GET[:3])
    body.call()

    assert (head.late(), body.late()) == (("REFUSE", 408), ("REFUSE", 408))


def test_other_waits_just_end():
    packet_ = Conn(UWSGI)
    packet_.look(b"\0\1\0\0")

    assert [conn.late()[0] for conn in (Conn(), packet_, skipping(post(5)))] == ["END"] * 3
