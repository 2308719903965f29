"""Media types by the ending of a file name.  Pure.

Text is told to be UTF-8: that is what it is today, and a browser that has to
guess may be made to guess wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

UTF_8 = "; charset=utf-8"

_TEXT = {
    "text/html": "html htm shtml",
    "text/css": "css",
    "text/javascript": "js mjs cjs",
    "text/plain": "txt text log conf ini md rst",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/xml": "xml xsl xsd",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "text/vnd.wap.wml": "wml",
    "text/x-component": "htc",
    "application/xhtml+xml": "xhtml",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
}

_OTHER = {
    "application/epub+zip": "epub",
    "application/geo+json": "geojson",
    "application/gzip": "gz tgz",
    "application/java-archive": "jar war ear",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/manifest+json": "webmanifest",
    "application/msword": "doc dot",
    "application/octet-stream": "bin dmg exe iso img msi dll deb",
    "application/ogg": "ogx",
    "application/pdf": "pdf",
    "application/pgp-signature": "sig asc",
    "application/postscript": "ps eps ai",
    "application/rtf": "rtf",
    "application/vnd.android.package-archive": "apk",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/vnd.google-earth.kml+xml": "kml",
    "application/vnd.google-earth.kmz": "kmz",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-fontobject": "eot",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.rar": "rar",
    "application/vnd.sqlite3": "sqlite sqlite3 db",
    "application/wasm": "wasm",
    "application/x-7z-compressed": "7z",
    "application/x-bittorrent": "torrent",
    "application/x-bzip2": "bz2",
    "application/x-rpm": "rpm",
    "application/x-sh": "sh",
    "application/x-shockwave-flash": "swf",
    "application/x-tar": "tar",
    "application/x-x509-ca-cert": "crt der pem",
    "application/x-xz": "xz",
    "application/x-xpinstall": "xpi",
    "application/zip": "zip",
    "application/zstd": "zst",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/midi": "mid midi kar",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga opus spx",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "font/collection": "ttc",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/apng": "apng",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg jpeg jpe",
    "image/jxl": "jxl",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif tiff",
    "image/vnd.microsoft.icon": "ico cur",
    "image/webp": "webp",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
    "video/3gpp": "3gp 3gpp",
    "video/mp2t": "ts",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpg mpeg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/x-matroska": "mkv",
    "video/x-ms-wmv": "wmv",
    "video/x-msvideo": "avi",
}


def with_charset(kind: str) -> str:
    """Text is told to be UTF-8, unless the type says something else."""
    textual = kind.startswith("text/") or kind in _TEXT
    return kind + UTF_8 if textual and "charset" not in kind else kind


def by_ending(rows: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Types and their endings, turned round; of equal endings the last counts."""
    return {
        ending.lower().lstrip("."): with_charset(kind)
        for kind, endings in rows
        for ending in endings
    }


def parse(text: str) -> dict[str, str]:
    """A file in the form of mime.types: a type and its endings per line, # for comments.

    The form of nginx (`types { text/html html; }`) is understood as well.
    """
    rows = []
    for line in text.splitlines():
        words = line.partition("#")[0].replace(";", " ").split()
        if words and "/" in words[0]:
            rows.append((words[0], words[1:]))
    return by_ending(rows)


TYPES = by_ending((kind, endings.split()) for kind, endings in [*_TEXT.items(), *_OTHER.items()])
"""The table that is used unless another is given."""
