"""Make a site to serve: a copy of examples/site, a picture, and large files.

Run: python examples/make_site.py DIRECTORY, then: uwoffload serve DIRECTORY
"""

import math
import random
import shutil
import sys
from pathlib import Path

LARGE = {"large-1m.bin": 1 << 20, "large-64m.bin": 64 << 20}
BLOCK = 1 << 20


def waves() -> str:
    """Three sine waves as an SVG."""
    lines = []
    for number, colour in enumerate(("#05507a", "#2a9d8f", "#e9a23b")):
        points = (
            f"{x},{80 + 50 * math.sin(x / (24 + 9 * number) + number):.1f}" for x in range(481)
        )
        line = f'stroke="{colour}" stroke-width="3" points="{" ".join(points)}"'
        lines.append(f'<polyline fill="none" {line}/>')
    body = "\n".join(lines)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 160">\n{body}\n</svg>\n'


def make(place: Path) -> None:
    shutil.copytree(Path(__file__).parent / "site", place, dirs_exist_ok=True)
    (place / "waves.svg").write_text(waves(), encoding="utf-8")
    for name, size in LARGE.items():
        path = place / name
        if path.exists() and path.stat().st_size == size:
            continue
        source = random.Random(size)
        with path.open("wb") as file:
            for _ in range(size // BLOCK):
                file.write(source.randbytes(BLOCK))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
