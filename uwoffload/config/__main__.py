"""`python -m uwoffload.config`: print docs/options.md."""

from .docs import table_markdown

if __name__ == "__main__":
    print(table_markdown(), end="")
