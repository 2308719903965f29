"""The configuration: the ini dialect of uWSGI, and the table of all options.

    settings, warnings = read("app.ini", ["--processes", "2"], cwd=..., environ=..., host=...)

`values` are the kinds of values, `settings` is the table, `foreign` lists what uWSGI has and we
have not; `text` splits an ini into lines, `script` runs them, `reader` makes Settings of them;
`docs` writes help and documentation from the table.
"""

from ..errors import ConfigError
from .docs import coming_from_uwsgi_markdown, help_text, table_markdown
from .reader import read
from .settings import Settings
from .values import Address, Mount

__all__ = [
    "Address",
    "ConfigError",
    "Mount",
    "Settings",
    "coming_from_uwsgi_markdown",
    "help_text",
    "read",
    "table_markdown",
]
