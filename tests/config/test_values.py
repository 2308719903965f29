"""Values: every kind, its forms, and what is said of a wrong one."""

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from uwoffload.config import Address, ConfigError, Mount
from uwoffload.config.values import Bases, parse_address

BASES = Bases("/srv/app", "/srv/app")

ADDRESSES = {
    ":3031": Address("tcp", "0.0.0.0", 3031),
    "127.0.0.1:3031": Address("tcp", "127.0.0.1", 3031),
    "127.0.0.1:0": Address("tcp", "127.0.0.1", 0),
    "[::1]:3031": Address("tcp", "::1", 3031),
    "[::]:80": Address("tcp", "::", 80),
    "[fe80::1%eth0]:80": Address("tcp", "fe80::1%eth0", 80),
    "localhost:8080": Address("tcp", "localhost", 8080),
    "/run/app.sock": Address("unix", path="/run/app.sock"),
    "app.sock": Address("unix", path="/srv/app/app.sock"),
    "./app.sock": Address("unix", path="/srv/app/./app.sock"),
    "run/app": Address("unix", path="/srv/app/run/app"),
    "@app": Address("abstract", path="app"),
    "@a:b": Address("abstract", path="a:b"),
    "/run/a:b.sock": Address("unix", path="/run/a:b.sock"),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_have_these_forms(text):
    assert ADDRESSES[text] == parse_address(text, BASES)


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=str)
def test_an_address_reads_as_it_is_written(address):
    assert address == parse_address(str(address), BASES)


@effort(deadline=None)
@given(st.builds(Address, st.just("tcp"), st.ip_addresses().map(str), st.integers(0, 65535)))
def test_any_ip_address_reads_as_it_is_written(address):
    assert address == parse_address(str(address), BASES)


WRONG = {
    "socket = 3031": '"3031" is no address; did you mean ":3031"?',
    "socket = 127.0.0.1": '"127.0.0.1" is no address; write host:port, [IPv6]:port, or a path',
    "socket = ::1:3031": '"::1:3031" is no address; write host:port, [IPv6]:port, or a path',
    "socket = :70000": '":70000": ports go up to 65535',
    "socket = 192.168.*:3031": '"192.168.*:3031": "*" is not supported; write the address, '
    'or ":3031" for all',
    "socket = unix:/run/app.sock": '"unix:/run/app.sock": leave out "unix:"; write host:port, '
    "or a path",
    "socket = a b:80": '"a b:80": "a b" is no host',
    "socket = @": '"@" is no name; write one after "@"',
    "socket =": "has no address; write host:port, or the path of a UNIX socket",
    "socket = /" + 107 * "x": f'"/{107 * "x"}" is too long for a UNIX socket; at most 107 bytes',
    "processes = many": '"many" is no whole number',
    "processes = 0": "0 is too small; allowed: 1 to 1024",
    "processes = 2000": "2000 is too large; allowed: 1 to 1024",
    "processes": '"" is no whole number',
    "offload-threads = -1": "-1 is too small; allowed: 0 to 64",
    "offload-threads = 1.5": '"1.5" is no whole number',
    "head-timeout = soon": '"soon" is no time; write seconds, as in 30 or 0.5',
    "head-timeout = 0": "0 s is too small; allowed: 0.001 s to 604800 s",
    "head-timeout = -1": '"-1" is no time; write seconds, as in 30 or 0.5',
    "head-timeout = nan": '"nan" is no time; write seconds, as in 30 or 0.5',
    "limit-post = 1x": '"1x" is no size; write bytes, or a number with k, m or g',
    "body-memory = 1m": "1m is too large; allowed: 1 to 128k",
    "umask = 8": '"8" is no octal number; write it as in 022',
    "umask = 7777": "7777 is too large; allowed: 000 to 777",
    "chdir =": "has no value",
    "static-map = /img": '"/img" is no mount; write PREFIX=DIRECTORY, as in /static=/srv/static',
    "static-map = img=/srv": '"img" is no path prefix; begin it with "/"',
    "static-index = a/b": '"a/b" is no file name; write it without "/"',
    "pidfile = /run/$(NOPE).pid": "$(NOPE) is not set in the environment",
    "pidfile = %(nope)/pid": "%(nope) is not an option or a variable",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_value_is_named_with_its_place(settings_of, line):
    with pytest.raises(ConfigError) as caught:
        settings_of(line)
    name = line.partition("=")[0].strip()
    assert f"app.ini:3: {name}: {WRONG[line]}" == str(caught.value)


RIGHT = [
    ("processes = 4", "processes", 4),
    ("workers = 4", "processes", 4),
    ("processes = %k", "processes", 8),
    ("socket-timeout = 1.5", "socket_timeout", 1.5),
    ("socket-timeout = 250ms", "socket_timeout", 0.25),
    ("socket-timeout = 2m", "socket_timeout", 120.0),
    ("keepalive-timeout = 0", "keepalive_timeout", 0.0),
    ("limit-post = 10485760", "limit_post", 10485760),
    ("limit-post = 10m", "limit_post", 10485760),
    ("limit-post = 10 MB", "limit_post", 10485760),
    ("buffer-size = 32768", "buffer_size", 32768),
    ("umask = 022", "umask", 0o22),
    ("umask = 0o027", "umask", 0o27),
    ("chmod-socket = 660", "chmod_socket", 0o660),
    ("chmod-socket", "chmod_socket", 0o666),
    ("chown-socket = ann:www-data", "chown_socket", "ann:www-data"),
    ("strict", "strict", True),
    ("strict = false", "strict", False),
    ("strict = Off", "strict", False),
    ("strict = no", "strict", False),
    ("strict = 0", "strict", False),
    ("strict = 1", "strict", True),
    ("strict = anything", "strict", True),
    ("defer-accept = false", "defer_accept", False),
    ("no-defer-accept = true", "defer_accept", False),
    ("no-defer-accept", "defer_accept", False),
    ("static-map = /img=/srv/img", "static_map", (Mount("/img", "/srv/img"),)),
    ("static-map = /img/=img", "static_map", (Mount("/img", "/srv/app/img"),)),
    ("static-map = /=/srv", "static_map", (Mount("", "/srv"),)),
    ("static-map = /a=/srv/a=b", "static_map", (Mount("/a", "/srv/a=b"),)),
    ("uid = 1000", "uid", "1000"),
    ("logto = log/app.log", "logto", "/srv/app/log/app.log"),
]


@pytest.mark.parametrize(("line", "name", "value"), RIGHT)
def test_a_right_value_is_of_its_type(settings_of, line, name, value):
    found = getattr(settings_of(line), name)
    assert (type(value), value) == (type(found), found)


def test_docroots_are_relative_to_chdir_and_the_rest_to_the_start(settings_of):
    """As in uWSGI, where sockets and the pidfile come before the change of directory."""
    settings = settings_of(
        "check-static = pub\npidfile = p\nhttp-socket = s\nchdir = project\n"
        "static-map = /m=map\nmime-file = types"
    )
    assert ("/srv/app/project/pub",) == settings.check_static
    assert "/srv/app/project/map" == settings.static_map[0].target
    assert ("/srv/app/project/types",) == settings.mime_file
    assert "/srv/app/p" == settings.pidfile
    assert "/srv/app/s" == settings.http_socket[0].path
    assert "/srv/app/project" == settings.chdir
