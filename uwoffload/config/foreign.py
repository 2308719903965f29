"""Options of uWSGI that are not options here: accepted, or known and not supported."""

from .foreign_running import ROWS as RUNNING
from .foreign_serving import ROWS as SERVING

ALWAYS = "always so"

ACCEPTED_ROWS: tuple[tuple[str, str], ...] = (
    (ALWAYS, "close-on-exec close-on-exec2 die-on-term enable-threads honour-range no-orphans"),
    (
        "not needed: a new connection wakes one worker, and sockets are shared fairly",
        "thunder-lock",
    ),
    ("not needed: one interpreter per worker", "single-interpreter"),
    (
        "not needed: there are no plugins",
        "plugin plugins need-plugin need-plugins plugin-dir plugins-dir",
    ),
    (
        "not needed: bodies are received before Python sees them; see body-memory",
        "post-buffering post-buffering-bufsize",
    ),
    ("not needed: see max-fields", "max-vars"),
    ("not needed: small answers leave at once", "tcp-nodelay"),
    ("not needed: threads end with their worker", "no-threads-wait"),
)


def _by_name(rows: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: meaning for meaning, names in rows for name in names.split()}


ACCEPTED: dict[str, str] = _by_name(ACCEPTED_ROWS)
KNOWN: dict[str, str] = _by_name((*RUNNING, *SERVING))
