"""
Slow readers: 5,000 of them at 60 KB/s on one engine thread, against the bare loop.

None may be truncated, and a GB may not cost much more than on the bare loop.
"""

from method import Figure, Settings, files, main
from serving import compare

MIB = 1 << 20


def slow(settings: Settings) -> list[Figure]:
    readers, size = (500, MIB // 8) if settings.quick else (5000, MIB)
    with files(file=size) as directory:
        return compare(
            settings,
            "slow readers",
            f"{readers:,} readers at 60 KB/s, CPU per GB over the bare loop",
            directory,
            ("slow", "--readers", str(readers), "--rate", "61440"),
            "file",
        )


if __name__ == "__main__":
    main(slow, __doc__)
