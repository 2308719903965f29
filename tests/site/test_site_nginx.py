"""Beside a real nginx: the same request, the same file, the same answer.

Known differences, all on purpose:

* the form of ETag, of boundaries, and of bodies that explain a status: not compared;
* nginx takes If-Modified-Since for a mark unless told `if_modified_since before`: told;
* nginx judges dates beside tags (If-Unmodified-Since and If-Match, If-Modified-Since and
  If-None-Match), where RFC 9110 has only the tags speak: not both are asked;
* nginx answers 412 to a malformed If-Unmodified-Since, which we overlook: not asked;
* nginx applies Range to HEAD, RFC 9110 defines it for GET alone: not asked;
* of a malformed Range nginx drops what is wrong, and answers 206 or 416; we overlook all of it:
  either is allowed;
* nginx sends ranges that touch as parts of their own, we merge them: the bytes are compared, not
  the parts; one that merges to a single part is then a plain 206;
* a Range that asks for more bytes in all than there are is answered with 200 by both, but nginx
  counts before merging, and we after: then what either sends must be of the file;
* our bound of 16 ranges: fewer are asked;
* nginx sends Accept-Ranges with 200 only, and Last-Modified with 304: not compared there.
"""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from asking import SECOND, File, Site, http_date

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
SIZE = 1000
CONTENT = bytes(33 + at * 7 % 90 for at in range(SIZE))
SAME = 1_600_000_000
EARLIER, LATER = SAME - 10, SAME + 10
SEED = 20240229
ROUNDS = 15 * int(os.environ.get("UWOFFLOAD_EXAMPLES", "100"))

CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {root}/nginx.pid;
error_log {root}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; default_type text/plain; max_ranges 100; keepalive_requests 1000000;
    if_modified_since before;
    client_body_temp_path {root}/a; proxy_temp_path {root}/b; fastcgi_temp_path {root}/c;
    uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;
    server {{ listen 127.0.0.1:{port}; root {root}/www; }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path) -> Iterator[HTTPConnection]:
    """One process in the foreground, and a connection to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (root / "nginx.conf").write_text(CONFIGURATION.format(root=root, port=port))
    process = subprocess.Popen(
        [NGINX, "-p", root, "-c", root / "nginx.conf", "-e", root / "error.log"],
        stderr=subprocess.DEVNULL,
    )
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < deadline, (
                    root / "error.log"
                ).read_text()
                os.sched_yield()
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait(10)


def delivered(status: int, fields: dict[str, str], body: bytes) -> dict[int, int] | None:
    """{offset: byte} of what an answer brings of the file; None when it brings nothing."""
    if status == 200:
        return dict(enumerate(body))
    if status != 206:
        return None
    if "content-range" in fields:
        parts = [(fields["content-range"], body)]
    else:
        head = f"Content-Type: {fields['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        parts = [
            (part["Content-Range"], part.get_payload().encode()) for part in message.iter_parts()
        ]
    found = {}
    for span, data in parts:
        first, last, size = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", span).groups())
        assert (size, last - first + 1) == (SIZE, len(data))
        found |= {first + at: byte for at, byte in enumerate(data)}
    return found


def of_nginx(connection, method, fields):
    connection.request(method, "/f.txt", headers=dict(fields))
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    if response.status == 412:  # it says keep-alive, and closes
        connection.close()
    return response.status, headers, body


def of_ours(site, method, fields):
    answer = site.ask("/f.txt", fields, method=method)
    return answer.status, {name.lower(): value for name, value in answer.fields}, answer.body


def spec(chance: random.Random) -> str:
    at = chance.choice([0, 1, chance.randrange(SIZE), SIZE - 1, SIZE, SIZE + 9])
    return chance.choice(
        [f"{at}-", f"-{at}", f"{at}-{at}", f"{at}-{at + chance.randrange(300)}", f"{at}-{at - 1}"]
    )


def ranges(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return chance.choice(["bytes=", "bytes=x", "items=0-1", "bytes 0-1", "bytes=-", "bytes=1"])
    glue = chance.choice([",", ", ", " , "])
    return "bytes=" + glue.join(spec(chance) for _ in range(chance.choice([1, 1, 1, 2, 3, 8])))


def request(chance: random.Random, tag: str):
    """A method and fields; `tag` stands for the tag of the file in both worlds."""
    method = chance.choice(["GET", "GET", "GET", "HEAD"])
    dates = [http_date(at) for at in (EARLIER, SAME, LATER)] + ["never"]
    tags = [tag, '"other"', f'"other", {tag}', "*", "W/" + tag]
    fields = []
    if chance.random() < 0.25:
        fields.append(
            ("If-Match", chance.choice(tags))
            if chance.random() < 0.5
            else ("If-Unmodified-Since", chance.choice(dates[:3]))
        )
    if chance.random() < 0.3:
        fields.append(
            ("If-None-Match", chance.choice(tags))
            if chance.random() < 0.5
            else ("If-Modified-Since", chance.choice(dates))
        )
    if method == "GET" and chance.random() < 0.8:
        fields.append(("Range", ranges(chance)))
    if chance.random() < 0.25:
        fields.append(("If-Range", chance.choice([tag, '"other"', *dates])))
    return method, fields


def with_tag(fields, tag):
    return [(name, value.replace("TAG", tag)) for name, value in fields]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx-light")
def test_random_requests_are_answered_as_nginx_answers_them(tmp_path):
    chance = random.Random(SEED)
    (tmp_path / "www").mkdir()
    file = tmp_path / "www" / "f.txt"
    file.write_bytes(CONTENT)
    os.utime(file, ns=(SAME * SECOND, SAME * SECOND))
    site = Site({"f.txt": File(CONTENT, mtime_ns=SAME * SECOND)})
    our_tag = site.ask("/f.txt").get("ETag")
    wrong = []
    with nginx(tmp_path) as connection:
        tag = of_nginx(connection, "GET", [])[1]["etag"]
        for _ in range(ROUNDS):
            method, fields = request(chance, "TAG")
            theirs = of_nginx(connection, method, with_tag(fields, tag))
            ours = of_ours(site, method, with_tag(fields, our_tag))
            if difference := compare(fields, theirs, ours):
                wrong.append((method, fields, difference))

    assert not wrong, f"{len(wrong)} of {ROUNDS}: {wrong[:5]}"


def is_malformed(ranges: str) -> bool:
    if not ranges.startswith("bytes="):
        return True
    specs = [spec.strip() for spec in ranges[6:].split(",")]
    matches = [re.fullmatch(r"(\d*)-(\d*)", spec) for spec in specs]
    return any(
        match is None
        or match[0] == "-"
        or (match[1] and match[2] and int(match[1]) > int(match[2]))
        for match in matches
    )


def compare(fields, theirs, ours) -> str:
    """What differs; nothing when nothing does."""
    ranges = dict(fields).get("Range", "")
    statuses = theirs[0], ours[0]
    if statuses in ((416, 200), (206, 200)) and is_malformed(ranges):
        return ""
    if statuses == (200, 206) and ranges.count(",") > 0:
        sent = delivered(*ours).items()
        return "" if sent <= dict(enumerate(CONTENT)).items() else "bytes not of the file"
    if theirs[0] != ours[0]:
        return f"status {theirs[0]}, ours {ours[0]}"
    if delivered(*theirs) != delivered(*ours):
        return f"bytes: {theirs}, ours {ours}"
    names = {200: ["content-length", "last-modified", "accept-ranges"], 416: ["content-range"]}
    if ours[0] == 206 and "content-range" in theirs[1]:
        names[206] = ["content-length", "content-range", "last-modified"]
    for name in names.get(ours[0], []):
        if theirs[1].get(name) != ours[1].get(name):
            return f"{name}: {theirs[1].get(name)}, ours {ours[1].get(name)}"
    return ""
