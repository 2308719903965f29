"""Paths that want out of the docroot, or into what is no file: never outside, never a hang."""

import os

import pytest

from . import docroot
from .client import connect, parse_head, request
from .conftest import cared_for, launch

UP = ["..", "%2e%2e", ".%2e", "%2e.", "%2E%2E", "%252e%252e", "..%00", "..;", "%c0%ae%c0%ae", "..."]
SLASH = ["/", "//", "/./", "%2f", "%2F", "%5c", "\\", "%252f", "%c0%af", "/%2f/", ";/", "%00/"]
TARGETS = ["secret.txt", "www-private/secret.txt", "wwwsecret.txt"]


def climbing() -> list[str]:
    """Every way up with every slash, to every file that must not be had."""
    found = []
    for up in UP:
        for slash in SLASH:
            for target in TARGETS:
                name = target.replace("/", slash)
                found += [f"/{up}{slash}{name}", f"/sub{slash}{up}{slash}{up}{slash}{name}"]
    return found


PAYLOADS = [
    "/..",
    "/../",
    "/../..",
    "/%2e%2e",
    "/%2e%2e/",
    "/..%2f",
    "/..%5c..%5csecret.txt",
    "/.../secret.txt",
    "/..../secret.txt",
    "/sub/../../secret.txt",
    "/sub/../../../../../../../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/../www-private/secret.txt",
    "/../wwwsecret.txt",
    "/hello.txt/../../secret.txt",
    "/missing/../../secret.txt",
    "/link-out.txt",
    "/link-absolute.txt",
    "/link-directory/secret.txt",
    "/link-directory/../secret.txt",
    "/link-up/secret.txt",
    "/link-up/www-private/secret.txt",
    "/link-up/../secret.txt",
    "/link-proc/etc/passwd",
    "/sub/../link-out.txt",
    "/secret.txt%00",
    "/%00/secret.txt",
    "//../secret.txt",
    "///../../secret.txt",
    "/./../secret.txt",
    "/..//secret.txt",
    "/.%2e/secret.txt",
    "/%2e./secret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%e0%80%ae%e0%80%ae/secret.txt",
    "/%uff0e%uff0e/secret.txt",
    "/..%c0%afsecret.txt",
    "/..%ef%bc%8fsecret.txt",
    "/;/../secret.txt",
    "/..;/secret.txt",
    "/sub;/../../secret.txt",
    "/~root/secret.txt",
    "/file:///etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "/?/../secret.txt",
    "http://test/../secret.txt",
    "http://test/%2e%2e/secret.txt",
]


def statuses(targets, address) -> dict[str, int]:
    """Ask for all of them; nothing secret may come, and every answer within the patience."""
    found = {}
    connection = connect(address)
    for target in targets:
        connection.send(request(target.encode("latin-1")))
        answer = connection.answer()
        assert docroot.SECRET not in answer.body, target
        assert b"root:" not in answer.body, target
        for value in answer.fields:
            assert docroot.SECRET.decode() not in value[1], target
        found[target] = answer.status
        if answer.closes:
            connection.socket.close()
            connection = connect(address)
    connection.socket.close()
    return found


def test_no_payload_leads_outside(site):
    found = statuses(PAYLOADS, site.http)

    wrong = {target: status for target, status in found.items() if status not in (400, 403, 404)}
    allowed = {"/?/../secret.txt": 200}  # a query is no path
    assert wrong == {target: allowed.get(target) for target in wrong}


def test_no_way_up_leads_outside(site):
    found = statuses(climbing(), site.http)

    assert set(found.values()) <= {400, 403, 404}


@pytest.mark.parametrize("name", ["fifo", "socket", "zero"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_is_no_file_is_not_opened(site, name, method):
    if not os.path.lexists(site.docroot / name):
        pytest.skip(f"no right to make {name} here")

    assert site.get(f"/{name}", method=method).status in (403, 404)


@pytest.mark.parametrize("target", ["/fifo/", "/fifo/x", "/socket/x", "/zero/x", "/link-loop/x"])
def test_nothing_stands_below_what_is_no_directory(site, target):
    assert site.get(target).status in (403, 404)


@pytest.mark.parametrize("name", ["link-loop", "link-nowhere"])
def test_links_that_lead_nowhere_are_404(site, name):
    assert site.get(f"/{name}").status in (403, 404)


@pytest.mark.parametrize(
    "target",
    [
        "/hello.txt%00",
        "/hello.txt%00.png",
        "/%00hello.txt",
        "/hello%00.txt",
        "/sub/%00",
        "/%00",
    ],
)
def test_encoded_nul_never_ends_a_name(site, target):
    assert site.get(target).status in (400, 404)


@pytest.mark.parametrize("target", ["/%", "/%2", "/%zz", "/%2g", "/hello%", "/%%32%65", "/%-1x"])
def test_broken_escapes_are_400(site, target):
    assert site.get(target).status == 400


@pytest.mark.parametrize(
    "target",
    [
        "/" + "n" * 256,
        "/" + "n" * 5000,
        "/" + "n/" * 3000,
        "/" + "../" * 2000 + "secret.txt",
        "/" + "sub/../" * 500 + "../secret.txt",
        "/" + "%41" * 2500,
        "/" + "./" * 4000,
        "/" + "/" * 8000,
    ],
)
def test_long_names_are_answered(site, target):
    answer = site.get(target)

    assert answer.status in (200, 400, 403, 404, 414)
    assert docroot.SECRET not in answer.body


def test_every_byte_is_allowed_in_a_name(site):
    for byte in range(1, 256):
        answer = site.get(f"/nothing-%{byte:02X}")
        assert answer.status in ((400, 404) if byte in b"/" else (404,)), byte


@pytest.mark.parametrize("byte", [b"\x80", b"\xff", b"\xc3\xbc"])
def test_raw_bytes_in_a_target_are_a_name_or_refused(site, byte):
    data = site.say(request(b"/" + byte))

    assert parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").status in (400, 404)


@pytest.mark.slow
def test_unreadable_file_is_403(serve, public_folder):
    root = public_folder / "root"
    docroot.write(root / "closed.txt", docroot.SECRET).chmod(0)
    docroot.write(root / "closed" / "file.txt", docroot.SECRET)
    docroot.write(root / "open.txt", b"open\n")
    (root / "closed").chmod(0)
    site = serve(root, **({"uid": "65534", "gid": "65534"} if os.geteuid() == 0 else {}))

    assert site.get("/open.txt").body == b"open\n"
    assert site.get("/closed.txt").status == 403
    assert site.get("/closed/file.txt").status == 403
    assert site.get("/closed/").status == 403
    (root / "closed").chmod(0o755)


# ---- mounts ----


@pytest.fixture(scope="module")
def mounted(site_root, tmp_path_factory):
    """Two mounts and a file, beside nothing else."""
    folder = tmp_path_factory.mktemp("mounted")
    root = folder / "mounts"
    docroot.write(root / "images" / "a.txt", b"a\n")
    docroot.write(root / "images" / "sub" / "index.html", b"sub\n")
    docroot.write(root / "imagesfoo" / "a.txt", docroot.SECRET)
    docroot.write(root / "kept" / "k" / "b.txt", b"b\n")
    docroot.write(root / "icon.txt", b"icon\n")
    maps = {
        "check_static": None,
        "static_map": [f"/images={root}/images", f"/favicon.ico={root}/icon.txt"],
        "static_map2": f"/k={root}/kept",
    }
    with cared_for(launch(site_root, folder, **maps)) as site:
        yield site


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/images/a.txt", 200, b"a\n"),
        ("/images/../images/a.txt", 200, b"a\n"),
        ("/images/sub/", 200, b"sub\n"),
        ("/images", 301, None),
        ("/imagesfoo/a.txt", 404, None),
        ("/imagesa.txt", 404, None),
        ("/images/../imagesfoo/a.txt", 404, None),
        ("/favicon.ico", 200, b"icon\n"),
        ("/favicon.icoXYZ", 404, None),
        ("/favicon.ico/", 404, None),
        ("/favicon.ico/a", 404, None),
        ("/k/b.txt", 200, b"b\n"),
        ("/k/k/b.txt", 404, None),
        ("/a.txt", 404, None),
        ("/", 404, None),
    ],
)
def test_mounts_end_at_a_slash(mounted, target, status, body):
    answer = mounted.get(target)

    assert answer.status == status or (status == 301 and answer.status in (301, 308))
    if body is not None:
        assert answer.body == body
    assert docroot.SECRET not in answer.body
