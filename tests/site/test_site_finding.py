"""From a path to a file: mounts, indexes, directories, kinds, methods."""

import pytest
from asking import DIRECTORY, File, Mount, Site

HERE = File(b"here")
INDEX = File(b"index")
ALLOW = "GET, HEAD, OPTIONS"


def status_and_body(answer):
    return answer.status, answer.body


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/images", ""),
        ("/images/a.png", "a.png"),
        ("/images/deep/a.png", "deep/a.png"),
        ("/images//a.png", "a.png"),
        ("/x/../images/a.png", "a.png"),
        ("/%69mages/a.png", "a.png"),
        ("/imagesfoo", None),
        ("/imagesfoo/a.png", None),
        ("/image", None),
        ("/", None),
        ("/Images/a.png", None),
        ("/images/../a.png", None),
    ],
)
def test_a_mount_ends_at_a_component_boundary(path, name):
    answer = Site(mounts=[Mount("/images", 3)]).ask(path)

    assert answer.looks == (() if name is None else ((3, name),))
    assert answer.status == 404


def test_the_prefix_is_kept_when_it_is_part_of_the_name():
    site = Site(mounts=[Mount("/a/b", 3, keep_prefix=True)])

    assert site.ask("/a/b/c.txt").looks == ((3, "a/b/c.txt"),)
    assert site.ask("/a/b").looks == ((3, "a/b"),)
    assert site.ask("/a/b/").looks == ((3, "a/b/index.html"),)


def test_the_first_mount_that_has_it_decides():
    files = {"both": File(b"first"), "1:both": File(b"second"), "1:only": File(b"only")}
    site = Site(files, mounts=[Mount("", 0), Mount("", 1)])

    assert site.ask("/both").body == b"first"
    assert site.ask("/only").body == b"only"
    assert site.ask("/only").looks == ((0, "only"), (1, "only"))
    assert site.ask("/none").looks == ((0, "none"), (1, "none"))


def test_a_directory_without_index_passes_on_to_the_next_mount():
    files = {"d/other": HERE, "1:d/index.html": INDEX}
    site = Site(files, mounts=[Mount("", 0), Mount("", 1)], application=True)

    assert site.ask("/d/").body == b"index"
    assert site.ask("/d").status == 301


@pytest.mark.parametrize("path", ["/fav.ico/", "/fav.icoX", "/fav.ico/x", "/fav.ic", "/"])
def test_a_file_mount_matches_nothing_but_its_prefix(path):
    site = Site({"1:": HERE}, mounts=[Mount("/fav.ico", 1, file=True)])

    assert (404, ()) == (site.ask(path).status, site.ask(path).looks)


def test_a_file_mount_answers_its_prefix():
    site = Site({"1:": HERE}, mounts=[Mount("/logo.png", 1, file=True)], siblings=True)
    answer = site.ask("/logo.png", [("Accept-Encoding", "br, gzip")])

    assert (200, b"here", "image/png") == (answer.status, answer.body, answer.get("Content-Type"))
    assert answer.looks == ((1, ""),)
    assert answer.get("Vary") is None


def test_a_file_mount_at_the_root_is_the_first_page():
    site = Site({"1:": HERE, "a": File(b"a")}, mounts=[Mount("", 1, file=True), Mount()])

    assert site.ask("/").body == b"here"
    assert site.ask("/a").body == b"a"


def test_a_file_mount_whose_file_became_a_directory_is_missing():
    site = Site({"1:": DIRECTORY}, mounts=[Mount("/a", 1, file=True)])

    assert site.ask("/a").status == 404


@pytest.mark.parametrize("path", ["/", "/d/", "/d/.", "/d/x/..", "//d//"])
def test_a_path_with_a_slash_is_its_index(path):
    site = Site({"index.html": INDEX, "d/index.html": INDEX})
    answer = site.ask(path)

    assert (200, b"index", 1) == (*status_and_body(answer), len(answer.looks))
    assert answer.get("Content-Type") == "text/html; charset=utf-8"


def test_index_names_are_tried_in_order():
    site = Site({"d/b.txt": File(b"b"), "d/c": File(b"c")}, indexes=["a", "b.txt", "c"])

    assert site.ask("/d/").body == b"b"
    assert site.ask("/d/").looks == ((0, "d/a"), (0, "d/b.txt"))


@pytest.mark.parametrize("kind", ["directory", "other"])
def test_an_index_that_is_no_file_is_passed_over(kind):
    site = Site({"a": File(kind=kind), "b": INDEX}, indexes=["a", "b"])

    assert site.ask("/").body == b"index"


def test_a_name_with_a_slash_behind_it_is_no_file():
    assert Site({"a.txt": HERE}).ask("/a.txt/").status == 404


def test_a_whole_file_costs_one_look():
    site = Site({"a/b.txt": HERE}, siblings=True)

    assert site.ask("/a/b.txt").looks == ((0, "a/b.txt"),)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/d", "/d/"),
        ("/d?", "/d/?"),
        ("/d?a=b&c=%20", "/d/?a=b&c=%20"),
        ("//d", "/d/"),
        ("/./x/..//d", "/d/"),
        ("/%64", "/d/"),
        ("/d?a\\b", "/d/?a%5Cb"),
        (b"/d?\r\nSet-Cookie: a=b", "/d/?%0D%0ASet-Cookie:%20a=b"),
        (b"/d?\xff", "/d/?%FF"),
        (b"/d?\0", "/d/?%00"),
        ("/%5Cevil.com", "/%5Cevil.com/"),
        ("/a%20b", "/a%20b/"),
        ("/a%0d%0ab", "/a%0D%0Ab/"),
        ("/a%3fb?c", "/a%3Fb/?c"),
        ("/a%25b", "/a%25b/"),
        ("/%C3%A9", "/%C3%A9/"),
        ("/%ff", "/%FF/"),
        ("//evil.com/..", None),
        ("//evil.com/%2e%2e", None),
    ],
)
def test_a_directory_without_its_slash_is_redirected(target, location):
    names = ["d", "\\evil.com", "a b", "a\r\nb", "a?b", "a%b", "é", "\udcff"]
    answer = Site({f"{name}/index.html": INDEX for name in names}).ask(target)

    assert answer.status == (404 if location is None else 301)
    assert answer.get("Location") == location


def test_a_redirect_says_what_it_is():
    answer = Site({"d/index.html": INDEX}).ask("/d")

    assert answer.body == b"301 Moved Permanently\n"
    assert answer.get("Content-Length") == "22"


def test_a_decoded_path_is_not_decoded_again():
    site = Site({"a%20b/c": HERE, "a b/c": INDEX})

    assert site.ask("/a%20b/c", decoded=True).body == b"here"
    assert site.ask("/a%20b", decoded=True).get("Location") == "/a%2520b/"


def test_a_redirect_too_long_for_a_head_is_refused():
    """At whatever line of the head the room ends."""
    site = Site({"d/x": HERE})
    answers = [site.ask("/d?" + "a" * size) for size in range(1700, 2048)]

    assert [301, 414] == list(dict.fromkeys(answer.status for answer in answers))
    assert answers[-1].get("Location") is None


@pytest.mark.parametrize("prefix", ["", "/m"])
def test_the_root_of_a_mount_is_redirected_too(prefix):
    site = Site({"index.html": INDEX}, mounts=[Mount(prefix)])

    assert site.ask(prefix + "/").body == b"index"
    if prefix:
        assert site.ask(prefix).get("Location") == prefix + "/"


def test_without_an_index_there_is_no_listing():
    site = Site({"d/a": HERE})

    assert site.ask("/d").status == 301
    assert site.ask("/d/").status == 404


def test_without_an_index_the_application_has_the_directory():
    site = Site({"d/a": HERE}, application=True)

    assert ["python", "python"] == [site.ask("/d").kind, site.ask("/d/").kind]


def test_with_an_index_the_application_does_not_have_it():
    site = Site({"d/index.html": INDEX}, application=True)

    assert [301, 200] == [site.ask("/d").status, site.ask("/d/").status]


@pytest.mark.parametrize("name", ["/f", "/d/", "/d"])
@pytest.mark.parametrize("application", [False, True])
@pytest.mark.parametrize(
    ("kind", "status"), [("forbidden", 403), ("failed", 503), ("pending", None)]
)
def test_what_cannot_be_opened_ends_the_search(name, application, kind, status):
    files = {"f": File(kind=kind), "d/index.html": File(kind=kind), "1:f": HERE}
    site = Site(files, mounts=[Mount(), Mount("", 1)], application=application)
    if name == "/d" and not application:
        return  # redirected without a look at its index
    answer = site.ask(name)

    assert answer.kind == ("pending" if kind == "pending" else "ready")
    assert answer.kind == "pending" or answer.status == status


def test_a_fifo_is_missing():
    both = {"f": File(kind="other"), "1:f": HERE}

    assert Site(both, mounts=[Mount(), Mount("", 1)]).ask("/f").body == b"here"
    assert Site({"f": File(kind="other")}).ask("/f").status == 404
    assert Site({"f": File(kind="other")}, application=True).ask("/f").kind == "python"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"", 400),
        (b"a.txt", 400),
        (b"*", 400),
        (b"/a%00b", 400),
        (b"/a%0", 400),
        (b"/a%2fb", 400),
        (b"/../a", 400),
        (b"/a/../../b", 400),
        (b"/%2e%2e/b", 400),
        (b"/" + b"a" * 5000, 414),
        (b"/" + b"a" * 50000, 414),
        (b"/" + b"a" * 4095, 404),
        (b"/" + b"a" * 4096, 414),
    ],
)
@pytest.mark.parametrize("application", [False, True])
def test_a_malformed_path_is_nobodys(target, status, application):
    answer = Site(application=application).ask(target)

    assert (answer.kind, answer.status) == (
        ("python", 0) if status == 404 and application else ("ready", status)
    )


METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/f", "/d", "/none"])
def test_methods_without_an_application(method, path):
    site = Site({"f": HERE, "d/index.html": INDEX})
    answer = site.ask(path, method=method)

    if method in ("GET", "HEAD"):
        assert (answer.status, answer.get("Allow")) == (
            {"/f": 200, "/d": 301, "/none": 404}[path],
            None,
        )
    elif method == "TRACE":
        assert (405, ALLOW) == (answer.status, answer.get("Allow"))
    elif path == "/none":
        assert (404, None) == (answer.status, answer.get("Allow"))
    else:
        assert answer.status == (204 if method == "OPTIONS" else 405)
        assert answer.get("Allow") == ALLOW


@pytest.mark.parametrize("method", METHODS)
def test_methods_with_an_application(method):
    site = Site({"f": HERE}, application=True)

    assert site.ask("/none", method=method).kind == "python"
    if method in ("GET", "HEAD", "OPTIONS"):
        assert site.ask("/f", method=method).status in (200, 204)
    else:
        assert ("python", ()) == (
            site.ask("/f", method=method).kind,
            site.ask("/f", method=method).looks,
        )


@pytest.mark.parametrize("application", [False, True])
def test_options_of_the_server_itself(application):
    answer = Site(application=application).ask("*", method="OPTIONS")

    assert (204, ALLOW) == (answer.status, answer.get("Allow"))
    assert answer.names == {"Date", "Allow"}


def test_connect_is_the_applications_or_refused():
    assert Site(application=True).ask("a:443", method="CONNECT").kind == "python"
    assert Site().ask("a:443", method="CONNECT").status == 405


def test_the_longest_names_fit():
    """A path of 4096 bytes, an index name of 255, a suffix."""
    path, index = "/" + "a/" * 2047 + "/", "i" * 255
    site = Site({path[1:-1] + index: HERE}, indexes=["j" * 256, index], siblings=True)
    answer = site.ask(path, [("Accept-Encoding", "gzip")])

    assert (200, b"here") == (answer.status, answer.body)
    assert [len(name) for _, name in answer.looks] == [4094 + 255, 4094 + 255 + 3]


def test_no_mounts_and_nobody_is_404():
    assert Site(mounts=[]).ask("/").status == 404
    assert Site(mounts=[], application=True).ask("/").kind == "python"
