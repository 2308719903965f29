"""`python -m uwoffload`: the same as the command `uwoffload`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
