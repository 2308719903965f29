"""`uwoffload run`, as the tests start it."""

import sys

from uwoffload.cli import main

sys.exit(main(["run", *sys.argv[1:]]))
