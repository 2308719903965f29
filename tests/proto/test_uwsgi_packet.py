"""uwsgi packets: every length, every variable, every cut."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto.hands import dirty_request, memory, request_of, text

MORE, REQUEST, PING, BAD = (lib.UWSGI_SCAN_MORE, lib.UWSGI_SCAN_REQUEST, lib.UWSGI_SCAN_PING,
                            lib.UWSGI_SCAN_BAD)  # fmt: skip
GET = [(b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", b"/a%20b?c"), (b"PATH_INFO", b"/a b"),
       (b"QUERY_STRING", b"c"), (b"SERVER_PROTOCOL", b"HTTP/1.1")]  # fmt: skip


def string(data):
    return struct.pack("<H", len(data)) + data


def packet(variables, modifier=0, modifier2=0):
    block = b"".join(string(key) + string(value) for key, value in variables)
    return struct.pack("<BHB", modifier, len(block), modifier2) + block


def scan(data, size_max=65535):
    end = ffi.new("size_t *")
    verdict = lib.uwsgi_packet_scan(memory(data), len(data), size_max, end)
    return (verdict, end[0]) if verdict in (REQUEST, PING) else verdict


def parse(data):
    request, bytes_ = dirty_request(), memory(data)
    status = lib.uwsgi_packet_parse(bytes_, len(data), request)
    return status, request_of(request)


def says(*variables):
    status, request = parse(packet([*GET, *variables]))
    assert status == 0
    return request


def refused(*variables):
    return parse(packet([*GET, *variables]))[0]


# ---- where it ends ----


def test_a_packet_ends_where_its_size_says():
    data = packet(GET)

    assert scan(data) == scan(data + b"body") == (REQUEST, len(data))
    assert all(scan(data[:size]) == MORE for size in range(len(data)))


def test_another_modifier_is_bad_from_its_first_byte():
    for modifier in set(range(256)) - {0, 100}:
        assert scan(bytes([modifier])) == scan(packet(GET, modifier)) == BAD


def test_a_ping_is_no_request():
    assert scan(b"\x64\0\0\0") == (PING, 4)
    assert scan(b"\x64\0\0") == MORE
    assert bytes(ffi.buffer(lib.uwsgi_pong)) == b"\x64\0\0\x01"


def test_a_packet_larger_than_the_limit_is_bad_as_soon_as_its_size_is_known():
    data = packet(GET)

    assert scan(data, len(data)) == (REQUEST, len(data))
    assert scan(data[:4], len(data) - 1) == BAD
    assert scan(data[:3], len(data) - 1) == MORE
    assert scan(b"\0\xff\xff\0" + bytes(65535), 2**32 - 1) == (REQUEST, 65539)


# ---- what it says ----


def test_a_request_says_what_its_variables_say():
    request = says((b"REMOTE_ADDR", b"::1"), (b"HTTP_HOST", b"h:80"), (b"CONTENT_LENGTH", b"12"),
                   (b"CONTENT_TYPE", b"a/b"), (b"HTTPS", b"on"))  # fmt: skip

    assert (b"GET", "GET", b"/a%20b?c", b"/a b", b"c", b"h:80", b"::1", 1) == (
        request.method, request.kind, request.target, request.path, request.query, request.host,
        request.remote, request.minor)  # fmt: skip
    assert (request.decoded, request.has_query, request.secure, request.length) == (
        True, True, True, 12)  # fmt: skip
    assert not request.keep_alive
    assert not request.chunked
    assert not request.expect_continue
    assert request.fields == (
        (b"Host", b"h:80"),
        (b"Content-Length", b"12"),
        (b"Content-Type", b"a/b"),
    )


def test_known_fields_get_their_names_and_others_keep_the_variables():
    names = [b"Accept-Encoding", b"Connection", b"Expect", b"Host", b"If-Match",
             b"If-Modified-Since", b"If-None-Match", b"If-Range", b"If-Unmodified-Since", b"Range",
             b"Referer", b"Upgrade", b"User-Agent"]  # fmt: skip
    variables = [(b"HTTP_" + name.upper().replace(b"-", b"_"), b"h") for name in names]
    others = [
        (b"HTTP_COOKIE", b"x"),
        (b"HTTP_X_A_RATHER_LONG_NAME_OF_A_FIELD", b"y"),
        (b"HTTP_X", b""),
    ]

    assert says(*variables, *others).fields == (*((name, b"h") for name in names), *others)


def test_what_a_peer_must_not_decide_is_not_even_kept():
    request = says(
        (b"UWSGI_FILE", b"/x.py"),
        (b"DOCUMENT_ROOT", b"/"),
        (b"UWSGI_SETENV", b"A=b"),
        (b"SCRIPT_NAME", b"/x"),
        (b"HTTP_", b"x"),
        (b"HTTPX", b"x"),
        (b"XHTTP_HOST", b"x"),
        (b"request_method", b"PUT"),
    )

    assert request == says()


def test_lengths_and_types_come_from_their_own_variables_alone():
    request = says(
        (b"HTTP_CONTENT_LENGTH", b"7"),
        (b"HTTP_Content_Length", b"7"),
        (b"HTTP_CONTENT_TYPE", b"x"),
        (b"CONTENT_LENGTH", b""),
        (b"CONTENT_TYPE", b""),
    )

    assert (request.length, request.fields) == (None, ())


@pytest.mark.parametrize(
    "value", [b"x", b"-1", b"+1", b" 1", b"1 ", b"1,1", b"9" * 20, b"%d" % 2**63]
)
def test_a_bad_length_is_refused(value):
    assert refused((b"CONTENT_LENGTH", value)) == 400


def test_two_lengths_are_refused():
    assert refused((b"CONTENT_LENGTH", b"5"), (b"CONTENT_LENGTH", b"5")) == 400
    assert says((b"CONTENT_LENGTH", b""), (b"CONTENT_LENGTH", b"5")).length == 5


def test_a_coding_is_the_peers_business_when_it_says_the_length():
    """nginx takes chunked bodies apart, and passes the field on."""
    chunked = (b"HTTP_TRANSFER_ENCODING", b"chunked")

    assert says(chunked, (b"CONTENT_LENGTH", b"5")).length == 5
    assert refused(chunked) == 501
    assert refused((b"HTTP_TRANSFER_ENCODING", b"gzip"), (b"CONTENT_LENGTH", b"5")) == 501


def test_a_bad_host_is_refused():
    assert refused((b"HTTP_HOST", b"a\r\nB: c")) == refused((b"HTTP_HOST", b"a/b")) == 400
    assert says((b"HTTP_HOST", b"")).host == b""


@pytest.mark.parametrize("method", [b"", b"G T", b"GET\r\n", b"G\0T"])
def test_a_bad_method_is_refused(method):
    assert refused((b"REQUEST_METHOD", method)) == 400


def test_a_request_without_a_method_is_refused():
    assert parse(packet(GET[1:]))[0] == 400
    assert parse(packet([]))[0] == 400


def test_of_a_variable_that_comes_twice_the_last_counts():
    assert says((b"REQUEST_METHOD", b"PUT"), (b"PATH_INFO", b"/x")).kind == "PUT"
    assert says((b"PATH_INFO", b"/x")).path == b"/x"


@pytest.mark.parametrize(
    ("protocol", "minor"),
    [(b"HTTP/1.1", 1), (b"HTTP/1.0", 0), (b"HTTP/2.0", 0), (b"", 0), (b"HTTP/1.1\r\nX: y", 0)],
)
def test_the_version_is_one_of_two(protocol, minor):
    assert says((b"SERVER_PROTOCOL", protocol)).minor == minor


@pytest.mark.parametrize(
    ("value", "secure"),
    [(b"on", True), (b"ON", True), (b"1", True), (b"", False), (b"off", False), (b"0", False)],
)
def test_https_is_on_or_off(value, secure):
    assert says((b"HTTPS", value)).secure == secure


@pytest.mark.parametrize(
    ("target", "path", "has_query"),
    [
        (b"/a%20b?c=d", b"/a%20b", True),
        (b"/a", b"/a", False),
        (b"/?", b"/", True),
        (b"", b"", False),
    ],
)
def test_without_a_path_the_target_has_it_still_encoded(target, path, has_query):
    status, request = parse(packet([(b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", target)]))

    assert (status, request.path, request.decoded, request.has_query) == (0, path, False, has_query)


def test_without_a_target_the_path_is_it():
    status, request = parse(packet([(b"REQUEST_METHOD", b"GET"), (b"PATH_INFO", b"/a"),
                                    (b"QUERY_STRING", b"b")]))  # fmt: skip

    assert (status, request.target, request.query, request.has_query) == (0, b"/a", b"b", True)


def test_as_many_fields_as_there_is_room_for():
    most = [(b"HTTP_X", b"y")] * lib.REQUEST_FIELDS_MAX

    assert len(says(*most).fields) == lib.REQUEST_FIELDS_MAX
    assert refused(*most, (b"HTTP_X", b"y")) == 431
    assert refused(*most, (b"CONTENT_LENGTH", b"1")) == 431
    assert refused(*most, (b"CONTENT_TYPE", b"y")) == 431


# ---- lengths that lie ----


def test_every_length_in_every_cut():
    """Cut anywhere but at the end of a variable, with the size in the header set right."""
    data = packet(GET)
    whole = {4 + len(packet(GET[:count])) - 4 for count in range(len(GET) + 1)}
    for size in range(4, len(data) + 1):
        cut = struct.pack("<BHB", 0, size - 4, 0) + data[4:size]
        assert parse(cut)[0] == (0 if size in whole and size > 4 else 400), size


def test_a_size_that_is_not_that_of_the_packet_is_refused():
    data = packet(GET)

    assert parse(data + b"x")[0] == parse(data[:-1])[0] == 400
    assert all(parse(data[:size])[0] == 400 for size in range(len(data)))


@pytest.mark.parametrize(
    "block",
    [
        b"\0\0\0\0",
        b"\0",
        b"\x01\0",
        b"\xff\xff",
        b"\x01\0A",
        b"\x01\0A\0",
        b"\x01\0A\x01\0",
        b"\x01\0A\xff\xff",
        b"\0\0\x01\0A",
        b"\xff\xffA\0\0",
    ],
)
def test_variables_that_do_not_fit_are_refused(block):
    good = packet(GET)[4:]
    for body in (block, good + block):
        assert parse(struct.pack("<BHB", 0, len(body), 0) + body)[0] == 400


VARIABLES = st.lists(
    st.tuples(
        st.sampled_from(
            [key for key, _ in GET] + [b"HTTP_HOST", b"HTTP_X", b"CONTENT_LENGTH", b"A"]
        )
        | st.binary(max_size=4),
        st.sampled_from([b"", b"GET", b"/", b"5", b"chunked"]) | st.binary(max_size=6),
    ),
    max_size=6,
)


@given(variables=VARIABLES, changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255))))
def test_any_packet_is_taken_or_refused(variables, changes):
    """And what is taken lies inside the packet, or is a name of ours."""
    data = bytearray(packet([*GET, *variables]))
    for place, byte in changes:
        data[min(int(place * len(data)), len(data) - 1)] = byte
    found = scan(bytes(data))
    status, request = parse(bytes(data))

    assert found in (MORE, BAD, (REQUEST, len(data)), (PING, len(data))) or found[1] < len(data)
    assert status in (0, 400, 431, 501)
    if status == 0:
        assert request.method in data
        assert request.target in data
        assert all(value in data for _, value in request.fields)


def test_names_of_fields_in_a_packet_are_constants():
    data = packet([*GET, (b"HTTP_IF_RANGE", b"x")])
    request, bytes_ = dirty_request(), memory(data)

    assert lib.uwsgi_packet_parse(bytes_, len(data), request) == 0
    assert text(lib.wb_request_field(request, lib.FIELD_IF_RANGE)) == b"x"
