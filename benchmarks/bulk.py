"""
Bulk: what does a GB cost on the engine, against the bare sendfile loop?

1 MiB files on 16 connections and 64 MiB files on 4, as fast as they go, a new
connection for each file.
"""

from method import Figure, Settings, files, main
from serving import compare

MIB = 1 << 20


def bulk(settings: Settings) -> list[Figure]:
    for_ms = "300" if settings.quick else "1500"
    with files(small=MIB, large=64 * MIB) as directory:
        return [
            *compare(
                settings,
                "bulk 1 MiB",
                "1 MiB x 16 connections, CPU per GB over the bare loop",
                directory,
                ("bulk", "--connections", "16", "--for-ms", for_ms),
                "small",
            ),
            *compare(
                settings,
                "bulk 64 MiB",
                "64 MiB x 4 connections, CPU per GB over the bare loop",
                directory,
                ("bulk", "--connections", "4", "--for-ms", for_ms),
                "large",
            ),
        ]


if __name__ == "__main__":
    main(bulk, __doc__)
