"""Make one C file out of the core, for hosts that want to compile it themselves.

Every `#include "folder/file"` is replaced by its text, the first time it occurs
if it is a header and each time if it is a list (`.def`); the public header stays
an include.  Names that are private to a file (`static`, enum constants, structs)
and stand in more than one get the name of their file in front; private macros
end with their file.

    python csrc/amalgamate.py > uwoffload_amalgamation.c
"""

import re
import sys
from collections import Counter
from pathlib import Path

FOLDERS = ("base", "cheaper", "lab", "proto", "task", "site", "conn", "sys", "engine", "api")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
MACRO = re.compile(r"^#\s*define\s+(\w+)", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
STATIC = re.compile(r"^(?:_Thread_local\s+)?static\s[^;={(\[]*?(\w+)\s*(?:\[|\(|=|;)", re.MULTILINE)
ENUM = re.compile(r"\benum\b\s*\w*\s*\{([^}]*)\}")
TAG = re.compile(r"^(?:struct|union|enum)\s+(\w+)\s*\{", re.MULTILINE)
PUBLIC = "uwoffload.h"

HEAD = """\
/* uwoffload: the whole core in one file, made by csrc/amalgamate.py.
 *
 *     cc -std=gnu11 -O2 -pthread -I<uwoffload.get_include()> -c uwoffload_amalgamation.c
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "uwoffload.h"
"""


def private_names(text: str) -> set[str]:
    """What a .c file keeps to itself: static names, enum constants, tags."""
    code = COMMENT.sub(" ", text)
    names = set(STATIC.findall(code)) | set(TAG.findall(code))
    for constants in ENUM.findall(code):
        names.update(re.findall(r"(?:^|,)\s*(\w+)", constants))
    return names


def inline(csrc: Path, name: str, seen: set[str], out: list[str]) -> None:
    """Append the text of csrc/name to `out`, with its own includes inlined."""
    if name in seen and not name.endswith(".def"):
        return
    seen.add(name)
    out.append(f"/* ---- {name} ---- */\n")
    for line in (csrc / name).read_text(encoding="utf-8").splitlines(keepends=True):
        found = INCLUDE.match(line)
        if found is None and not line.startswith("#define _GNU_SOURCE"):
            out.append(line)
        elif found is None:
            continue  # stands at the top
        elif found.group(1) != PUBLIC:
            inline(csrc, found.group(1), seen, out)


def amalgamate(csrc: Path) -> str:
    """The text of the single file."""
    names = [f"{folder}/{path.name}" for folder in FOLDERS
             for path in sorted((csrc / folder).glob("*.c"))]  # fmt: skip
    texts = {name: (csrc / name).read_text(encoding="utf-8") for name in names}
    private = {name: private_names(text) for name, text in texts.items()}
    uses = Counter(word for words in private.values() for word in words)
    out = [HEAD]
    seen: set[str] = set()
    for name, text in texts.items():
        for header in INCLUDE.findall(text):
            if header != PUBLIC and not header.endswith(".def"):
                inline(csrc, header, seen, out)
        prefix = name.removesuffix(".c").replace("/", "_")
        renamed = sorted(word for word in private[name] if uses[word] > 1)
        out += [f"#define {word} {prefix}_{word}\n" for word in renamed]
        inline(csrc, name, seen, out)
        out += [f"#undef {word}\n" for word in renamed]
        out += [
            f"#undef {word}\n"
            for word in dict.fromkeys(MACRO.findall(text))
            if word != "_GNU_SOURCE"
        ]
    return "".join(out)


if __name__ == "__main__":
    sys.stdout.write(amalgamate(Path(__file__).resolve().parent))
