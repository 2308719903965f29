"""The executor of a Dask cluster that exists already."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any, NamedTuple

from .. import __version__
from ..errors import CannotStart

PATIENCE = "10s"


class Cluster(NamedTuple):
    """Who computes there."""

    executor: Executor
    workers: int


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Cluster]:
    """Connect; the cluster lives on when we leave.  Raises CannotStart."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise CannotStart("--dask needs distributed: pip install 'uwoffload[lab]'") from None
    client: Any
    try:
        connect: Any = Client
        client = connect(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise CannotStart(
            f"--dask {address}: no scheduler answers ({error}); start one with `dask scheduler`"
        ) from None
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise CannotStart(
                f"--dask {address}: the cluster has no workers; "
                f"start some with `dask worker {address}`"
            )
        check_versions(client, address)
        with client.get_executor() as executor:
            yield Cluster(executor, workers)


def check_versions(client: Any, address: str) -> None:
    """Every worker must have this version, or results would be of another program."""
    found = client.run(version_there, on_error="return")
    for worker, version in found.items():
        if version != __version__:
            raise CannotStart(
                f"--dask {address}: worker {worker} has uwoffload {version}; "
                f"install uwoffload[lab]=={__version__} there"
            )


def version_there() -> str:
    """Of the worker that runs this."""
    import uwoffload.lab.cases

    return uwoffload.__version__
