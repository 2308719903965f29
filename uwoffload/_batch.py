"""Many hand-overs in one: little work per transfer, and one call into C each for all."""

from __future__ import annotations

import errno
import socket as sockets
from array import array
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from ._bridge import failure, ffi, lib
from ._compile import AnyProgram, Compiled, compile_program
from ._sockets import check_number, check_socket
from .completion import Completion
from .errors import InvalidArgument
from .transfer import Transfer

if TYPE_CHECKING:
    from ._calls import Call
    from ._core import CData
    from ._hub import Hub

_IDS = ffi.typeof("uint64_t[]")
_FDS = ffi.typeof("int[]")
_PROGRAMS = ffi.typeof("struct uwo_program *[]")

# Of the C class: several times as fast as the methods that socket.socket puts on top.
# Where another library has put a class of its own into its place, they do not apply.
_fileno = sockets.SocketType.fileno
_detach = sockets.SocketType.detach
_type_of = sockets.SocketType.type.__get__
_PLAIN = {sockets.socket} if issubclass(sockets.socket, sockets.SocketType) else set()


def as_list(socks: object) -> list[Any]:
    """The sockets or pairs of a batch."""
    try:
        return list(socks)  # type: ignore[call-overload,no-any-return]
    except TypeError:
        raise InvalidArgument(
            f"socks: {type(socks).__name__}; allowed: sockets and one program, or pairs of both"
        ) from None


def all_streams(socks: Sequence[Any]) -> bool:
    """Plain sockets that Python itself knows as streams; the core then need not ask each."""
    return set(map(type, socks)) == _PLAIN and set(map(_type_of, socks)) == {sockets.SOCK_STREAM}


def submit_batch(
    hub: Hub,
    socks: Sequence[Any],
    program: AnyProgram | None,
    wanted: CData,
    after: str,
    callback: Callable[[Completion], object] | None,
) -> list[Transfer]:
    """See Engine.submit_many.  `program` None: socks are pairs of socket and program."""
    if not socks:
        return []
    if program is None:
        socks, compiled = _split(socks)
    else:
        compiled = [compile_program(program)]
        if compiled[0].moves and len(socks) > 1:
            raise InvalidArgument(
                "program: a raw descriptor can move to one transfer only; "
                "allowed for a batch: file objects, which are duplicated"
            )
    same = program is not None
    plain = set(map(type, socks)) == _PLAIN
    fds = array("i", map(_fileno, socks)) if plain else _check_each(socks)
    if len(set(fds)) != len(fds):
        raise InvalidArgument("socks: a socket is closed or stands twice; allowed: once each")
    call = hub.enter()  # over both steps: the engine must not end in between
    try:
        ids = _reserve(hub, call, fds, compiled, same, wanted)
        given_back = repeat(None) if after == "close" else (_pattern(sock) for sock in socks)
        borrowed = repeat(compiled[0].borrowed) if same else (each.borrowed for each in compiled)
        numbers = ffi.unpack(ids, len(fds))
        transfers = list(map(Transfer, repeat(hub), numbers, given_back, borrowed))
        if callback is not None:
            for transfer in transfers:
                transfer._claims = (callback,)
        hub.live.update(zip(numbers, transfers, strict=True))
        detached = list(map(_detach, socks)) if plain else list(map(_detach_any, socks))
        lost = _commit(hub, ids, fds.tolist(), detached)
    finally:
        hub.leave(call)
    for index in lost:
        hub.settle_lost(transfers[index], errno.EBADF)
    for each in compiled:
        if each.moves:
            each.spend()
    return transfers


def _split(pairs: Sequence[Any]) -> tuple[list[Any], list[Compiled]]:
    try:
        socks, programs = zip(*pairs, strict=True)
    except (TypeError, ValueError):
        raise InvalidArgument(
            "socks: without a program it must be pairs; allowed: (sock, program) each"
        ) from None
    return list(socks), [compile_program(each) for each in programs]


def _check_each(socks: Sequence[Any]) -> array[int]:
    """The descriptors of sockets that are not all plain ones."""
    fds = array("i")
    for index, sock in enumerate(socks):
        try:
            if type(sock) is not int:
                check_socket(sock)
            fds.append(check_number(sock) if type(sock) is int else sock.fileno())
        except InvalidArgument as error:
            raise InvalidArgument(f"socks[{index}]: {error}", index) from None
    return fds


def _pattern(sock: Any) -> Any:
    """What the socket that comes back is made after."""
    return None if type(sock) is int else sock


def _reserve(
    hub: Hub, call: Call, fds: array[int], compiled: list[Compiled], same: bool, wanted: CData
) -> CData:
    """Step one for all of them; gives their ids."""
    count = len(fds)
    if hub.unclaimed:
        hub.check_room(count)
    ids = ffi.new(_IDS, count)
    programs = ffi.new(_PROGRAMS, [each.cdata for each in compiled])
    numbers = ffi.from_buffer(_FDS, fds)
    arguments = (hub.handle, numbers, programs, same, wanted, count, ids, call.error)
    status = lib.uwo_engine_reserve_batch(*arguments)
    if status == lib.UWO_E_FULL and hub.forget():
        status = lib.uwo_engine_reserve_batch(*arguments)
    if status < 0:
        raise failure(status, call.error, "socks")
    return ids


def _detach_any(sock: Any) -> int:
    """What detach gives; -1 if it fails."""
    if type(sock) is int:
        return sock
    try:
        return int(sock.detach())
    except Exception:
        return -1


def _commit(hub: Hub, ids: CData, fds: list[int], detached: list[int]) -> list[int]:
    """Step two; gives the indexes of those that another thread took meanwhile."""
    if detached == fds:
        lib.uwo_engine_commit(hub.handle, ids, len(fds))
        return []
    lost = [index for index, fd in enumerate(fds) if detached[index] != fd]
    for index in range(len(fds)):
        step = lib.uwo_engine_abandon if index in lost else lib.uwo_engine_commit
        step(hub.handle, ids + index, 1)
    return lost
