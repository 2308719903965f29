"""Random requests: whatever comes, the answer is well formed and stays inside."""

from asking import DIRECTORY, NOW, SECOND, File, Mount, Site, http_date
from hypothesis import example, given
from hypothesis import strategies as st

segments = st.sampled_from(
    ["a", "b.txt", "c.html", ".", "..", "%2e", "%2E%2e", "", "a%20b", "%41", "%2f", "%00", "%",
     "é", "d\\e", "index.html", "x" * 300]
)  # fmt: skip
targets = st.lists(segments, max_size=6).map(lambda parts: "/" + "/".join(parts))
queries = st.just("") | st.text(max_size=8).map(lambda text: "?" + text)
names = st.sampled_from(
    ["a", "b.txt", "b.txt.br", "b.txt.gz", "a/b.txt", "a/index.html", "a/a/a", "A", "a b/a",
     "index.html", "1:a", "1:b.txt", "1:index.html", "1:"]
)  # fmt: skip
files = st.builds(
    File,
    content=st.binary(max_size=40),
    mtime_ns=st.integers(-(2**62), 2**62) | st.just((NOW - 5) * SECOND),
    inode=st.integers(0, 2**64 - 1),
    kind=st.sampled_from(["regular"] * 6 + ["forbidden", "failed", "other", "pending"]),
)
mounts = st.builds(
    Mount,
    st.sampled_from(["", "/a", "/a/b.txt", "/a b"]),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
)
sites = st.builds(
    Site,
    files=st.dictionaries(names, files | st.just(DIRECTORY), max_size=8),
    mounts=st.lists(mounts, max_size=4),
    indexes=st.lists(st.sampled_from(["index.html", "a", "b.txt"]), max_size=3),
    application=st.booleans(),
    siblings=st.booleans(),
    now=st.just(NOW),
    keep_alive=st.booleans(),
    boundary=st.integers(0, 2**64 - 1),
)
values = {
    "Range": ["bytes=0-0", "bytes=1-2,5-6", "bytes=-3", "bytes=99-", "bytes=x", "lines=1-2"],
    "If-Range": ['"x"', http_date(NOW - 5), "x"],
    "If-Match": ["*", '"x"', "W/", '"x'],
    "If-None-Match": ["*", '"x"', 'W/"x"', ","],
    "If-Modified-Since": [http_date(NOW), http_date(0), "0"],
    "If-Unmodified-Since": [http_date(NOW), http_date(0), "-1"],
    "Accept-Encoding": ["br", "gzip", "gzip;q=0.5, br;q=0.1", "*;q=0", "identity;q=0", ";"],
}
fields = st.lists(
    st.sampled_from(sorted(values)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(values[name]))
    ),
    max_size=5,
)
methods = st.sampled_from(["GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "TRACE", "X"])


def judge(site, answer, method):
    for root, name in answer.looks:
        assert root in (0, 1)
        parts = name.split("/")
        assert name == "" or ("" not in parts and "." not in parts and ".." not in parts)
    if answer.kind == "python":
        assert site.application
    if answer.kind != "ready":
        return
    assert answer.body_size == len(answer.body)
    length = answer.get("Content-Length")
    assert (length is None) == (answer.status in (204, 304))
    if length is not None and method != "HEAD":
        assert int(length) == answer.body_size
    if method == "HEAD" or length is None:
        assert answer.pieces == ()
    assert (answer.get("Location") is not None) == (answer.status == 301)
    if answer.status == 301:
        location = answer.get("Location")
        assert location[0] == "/" and location[1] != "/" and "\\" not in location
        again = site.ask(location)
        assert again.status != 301, "a redirect leads to where it ends"
    assert (answer.get("Allow") is not None) == (
        answer.status == 405 or (method == "OPTIONS" and answer.status == 204)
    )


@given(sites, targets, queries, fields, methods, st.integers(0, 1), st.booleans())
@example(Site({"a/a": File()}, mounts=[Mount("/a")]), "/a", "?\x7f", [], "GET", 1, False)
def test_whatever_comes_the_answer_is_whole(site, target, query, given, method, minor, decoded):
    answer = site.ask(target + query, given, method=method, minor=minor, decoded=decoded)

    judge(site, answer, method)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_for_a_path(path, decoded):
    site = Site({"a/index.html": File()}, mounts=[Mount(), Mount("/a", 1)])

    judge(site, site.ask(b"/" + path, decoded=decoded), "GET")
    judge(site, site.ask(path, decoded=decoded), "GET")


texts = st.text('"W/*,; =-0123bytesgzip:', max_size=30)


@given(st.lists(st.tuples(st.sampled_from(sorted(values)), texts), max_size=6))
def test_any_text_in_the_fields(fields):
    site = Site({"f": File(b"0123456789"), "f.br": File(b"01")}, siblings=True)
    answer = site.ask("/f", fields)

    judge(site, answer, "GET")
    assert answer.status in (200, 206, 304, 412, 416)
