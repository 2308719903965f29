"""The kinds of values an option may have: how each is read, shown, and in which unit."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

SUN_PATH_MAX = 107  # bytes of a UNIX socket's name that the kernel takes
PORT_MAX = 65535
FALSE = frozenset(("0", "false", "no", "off"))
FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: TCP (`host`, `port`; port 0: any), or a UNIX or abstract socket (`path`)."""

    kind: Literal["tcp", "unix", "abstract"]
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.kind == "tcp":
            return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        return f"@{self.path}" if self.kind == "abstract" else self.path


@dataclass(frozen=True, slots=True)
class Mount:
    """`prefix` of the path ("" or "/x") is answered from `target`, a directory or a file."""

    prefix: str
    target: str

    def __str__(self) -> str:
        return f"{self.prefix or '/'}={self.target}"


@dataclass(frozen=True, slots=True)
class Bases:
    """What relative paths are relative to: sockets and logs to `cwd`, sites to `site`."""

    cwd: str
    site: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.  `parse` raises ValueError, whose text follows the option's name."""

    name: str
    metavar: str
    unit: str
    parse: Callable[[str, Bases], object]
    show: Callable[[Any], str]


def _alone(parse: Callable[[str], object]) -> Callable[[str, Bases], object]:
    return lambda text, _bases: parse(text)


def _parse_count(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f'"{text}" is no whole number')
    return int(text)


def _parse_seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|)", text)
    if not match:
        raise ValueError(f'"{text}" is no time; write seconds, as in 30 or 0.5')
    number, unit = match.groups()
    return float(number) * {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600}[unit]


def _show_seconds(value: float) -> str:
    return f"{value:g} s"


def _parse_bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,18})\s*([kmg]?)(?:i?b)?", text.lower())
    if not match:
        raise ValueError(f'"{text}" is no size; write bytes, or a number with k, m or g')
    return int(match[1]) * FACTORS[match[2]]


def _show_bytes(value: int) -> str:
    for letter in "gmk":
        if value and value % FACTORS[letter] == 0:
            return f"{value // FACTORS[letter]}{letter}"
    return str(value)


def _parse_flag(text: str) -> bool:
    return text.lower() not in FALSE


def _parse_mode(text: str) -> int:
    if not re.fullmatch(r"0?o?[0-7]{1,4}", text):
        raise ValueError(f'"{text}" is no octal number; write it as in 022')
    return int(text.replace("o", ""), 8)


def _parse_text(text: str) -> str:
    if not text:
        raise ValueError("has no value")
    return text


def _parse_path(text: str, bases: Bases) -> str:
    return posixpath.join(bases.cwd, _parse_text(text))


def _parse_site_path(text: str, bases: Bases) -> str:
    return posixpath.join(bases.site, _parse_text(text))


def _parse_file_name(text: str) -> str:
    if not text or "/" in text or text in (".", ".."):
        raise ValueError(f'"{text}" is no file name; write it without "/"')
    return text


def _parse_mount(text: str, bases: Bases) -> Mount:
    prefix, equals, target = text.partition("=")
    prefix, target = prefix.strip(), target.strip()
    if not equals or not target:
        raise ValueError(f'"{text}" is no mount; write PREFIX=DIRECTORY, as in /static=/srv/static')
    if not prefix.startswith("/"):
        raise ValueError(f'"{prefix}" is no path prefix; begin it with "/"')
    return Mount(prefix.rstrip("/"), posixpath.join(bases.site, target))


def parse_address(text: str, bases: Bases) -> Address:
    """`:3031`, `127.0.0.1:3031`, `[::1]:3031`, `name:0`, `/path.sock`, `path.sock`, `@abstract`."""
    if not text:
        raise ValueError("has no address; write host:port, or the path of a UNIX socket")
    if text.startswith("@"):
        return _name_socket("abstract", text[1:], text)
    scheme = re.match(r"([a-z]+):(?://|/)", text)
    if scheme:
        raise ValueError(f'"{text}": leave out "{scheme[1]}:"; write host:port, or a path')
    if text.startswith(("/", ".")) or (":" not in text and not re.fullmatch(r"[0-9.]+", text)):
        return _name_socket("unix", posixpath.join(bases.cwd, text), text)
    return _parse_tcp(text)


def _name_socket(kind: Literal["unix", "abstract"], path: str, text: str) -> Address:
    if not path:
        raise ValueError(f'"{text}" is no name; write one after "@"')
    if len(path.encode("utf-8", "surrogateescape")) > SUN_PATH_MAX:
        raise ValueError(f'"{path}" is too long for a UNIX socket; at most {SUN_PATH_MAX} bytes')
    return Address(kind, path=path)


def _parse_tcp(text: str) -> Address:
    if text.isascii() and text.isdigit():
        raise ValueError(f'"{text}" is no address; did you mean ":{text}"?')
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^\[\]:]*)):([0-9]{1,5})", text)
    if not match:
        raise ValueError(f'"{text}" is no address; write host:port, [IPv6]:port, or a path')
    host, port = match[1] or match[2] or "0.0.0.0", int(match[3])
    if "*" in host:
        raise ValueError(f'"{text}": "*" is not supported; write the address, or ":{port}" for all')
    if not re.fullmatch(r"[\w.:%-]+", host):
        raise ValueError(f'"{text}": "{host}" is no host')
    if port > PORT_MAX:
        raise ValueError(f'"{text}": ports go up to {PORT_MAX}')
    return Address("tcp", host, port)


FLAG = Kind("flag", "", "", _alone(_parse_flag), lambda value: "on" if value else "off")
COUNT = Kind("whole number", "N", "", _alone(_parse_count), str)
SECONDS = Kind("time", "SECONDS", "s", _alone(_parse_seconds), _show_seconds)
BYTES = Kind("size", "BYTES", "bytes", _alone(_parse_bytes), _show_bytes)
MODE = Kind("octal number", "MODE", "", _alone(_parse_mode), lambda value: f"{value:03o}")
TEXT = Kind("text", "NAME", "", _alone(_parse_text), str)
FILE_NAME = Kind("file name", "NAME", "", _alone(_parse_file_name), str)
PATH = Kind("path", "PATH", "", _parse_path, str)
SITE_PATH = Kind("path", "DIR", "", _parse_site_path, str)
SITE_FILE = Kind("path", "FILE", "", _parse_site_path, str)
MOUNT = Kind("mount", "MOUNT=DIR", "", _parse_mount, str)
ADDRESS = Kind("address", "ADDRESS", "", parse_address, str)


def check_range(value: object, least: float | None, most: float | None, kind: Kind) -> None:
    """Raise ValueError if a number lies outside."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    if math.isnan(value) or (least is not None and value < least):
        raise ValueError(f"{kind.show(value)} is too small; {range_text(least, most, kind)}")
    if most is not None and value > most:
        raise ValueError(f"{kind.show(value)} is too large; {range_text(least, most, kind)}")


def range_text(least: float | None, most: float | None, kind: Kind) -> str:
    """`allowed: 1 to 256`."""
    if most is None:
        return f"allowed: {kind.show(least)} or more"
    return f"allowed: {kind.show(least)} to {kind.show(most)}"
