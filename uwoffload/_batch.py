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
    from ._core import CData
    from ._hub import Hub

_IDS = ffi.typeof("uint64_t[]")
_FDS = ffi.typeof("int[]")
_PROGRAMS = ffi.typeof("struct uwo_program *[]")


def submit_batch(
    hub: Hub,
    socks: Sequence[Any],
    program: AnyProgram | None,
    wanted: CData,
    after: str,
    claims: tuple[Callable[[Completion], object], ...],
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
    count = len(socks)
    fds = _descriptors(socks)
    same = program is not None
    programs = ffi.new(_PROGRAMS, [each.cdata for each in compiled])
    call = hub.enter()
    try:
        if hub.unclaimed:
            hub.check_room(count)
        ids = ffi.new(_IDS, count)
        rooms = ffi.from_buffer(_FDS, fds)
        arguments = (hub.handle, rooms, programs, same, wanted, count, ids, call.error)
        status = lib.uwo_engine_reserve_batch(*arguments)
        if status == lib.UWO_E_FULL and hub.forget():
            status = lib.uwo_engine_reserve_batch(*arguments)
        if status < 0:
            raise failure(status, call.error, "socks")
        numbers = ffi.unpack(ids, count)
        given_back = repeat(None) if after == "close" else map(_pattern, socks)
        borrowed = repeat(compiled[0].borrowed) if same else (each.borrowed for each in compiled)
        transfers = list(map(Transfer, repeat(hub), numbers, given_back, borrowed))
        if claims:
            for transfer in transfers:
                transfer._claims = claims
        hub.live.update(zip(numbers, transfers, strict=True))
        lost = _detach(socks, fds)
        if lost:
            _commit_rest(hub, transfers, lost)
        else:
            lib.uwo_engine_commit(hub.handle, ids, count)
    finally:
        hub.leave(call)
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


def _descriptors(socks: Sequence[Any]) -> array[int]:
    kinds = set(map(type, socks))
    if kinds == {sockets.socket}:
        fds = array("i", map(sockets.socket.fileno, socks))
    else:
        for index, sock in enumerate(socks):
            if type(sock) is int:
                check_number(sock, f"socks[{index}]")
            elif type(sock) is not sockets.socket:
                try:
                    check_socket(sock)
                except InvalidArgument as error:
                    raise InvalidArgument(f"socks[{index}]: {error}", index) from None
        fds = array("i", (each if type(each) is int else each.fileno() for each in socks))
    if len(set(fds)) != len(fds):
        raise InvalidArgument("socks: a socket is closed or stands twice; allowed: once each")
    return fds


def _pattern(sock: Any) -> Any:
    """What the socket that comes back is made after."""
    return None if type(sock) is int else sock


def _detach(socks: Sequence[Any], fds: array[int]) -> list[int]:
    """Detach every socket; gives the indexes of those another thread closed meanwhile."""
    lost = []
    for index, sock in enumerate(socks):
        if type(sock) is int:
            continue
        try:
            if sock.detach() != fds[index]:
                lost.append(index)
        except Exception:
            lost.append(index)
    return lost


def _commit_rest(hub: Hub, transfers: list[Transfer], lost: list[int]) -> None:
    """Some sockets went away between the two steps: those transfers end at once."""
    for index, transfer in enumerate(transfers):
        ids = ffi.new(_IDS, [transfer.id])
        if index not in lost:
            lib.uwo_engine_commit(hub.handle, ids, 1)
            continue
        lib.uwo_engine_abandon(hub.handle, ids, 1)
        hub.settle_lost(transfer, errno.EBADF)
