"""`uwoffload lab loads`: what there is to replay."""

from __future__ import annotations

import argparse
from typing import Any


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    command: argparse.ArgumentParser = commands.add_parser(
        "loads", help="the catalogue of loads", usage="%(prog)s"
    )
    return command


def run(_: argparse.Namespace) -> int:
    """A table."""
    from ..lab.case_values import VALUES
    from ..lab.catalogue import shapes
    from ..lab.services import laws
    from ..lab.tables import show

    show(
        ("load", "mean rate", "what it shows"),
        [
            (name, "constant" if shape.stationary else "varies", shape.shows)
            for name, shape in shapes().items()
        ],
    )
    print(f"\nKeys: {', '.join(VALUES)} and those of the law, as --load step:law=pareto,alpha=1.2")
    print(f"Laws of service times: {', '.join(laws())}")
    return 0
