"""An application for the tests: says which process answers, and does strange things."""

import os
import sys
import threading
import time

import uwoffload
from uwoffload import Request, Response

gate = threading.Event()


def handler(request: Request) -> Response | str:
    if request.path == "/slow":  # a handler that is at work for a while
        print("at work", flush=True)
        time.sleep(float(request.query))
    if request.path == "/boom":
        raise RuntimeError("as asked")
    if request.path == "/die":
        os._exit(9)
    if request.path == "/environment":
        return f"{os.getuid()} {os.getgid()} {os.getcwd()}"
    return f"{os.getpid()}"


if __name__ == "__main__":
    words = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
    options = {name.replace("-", "_"): value for name, value in words.items()}
    http = options.pop("http", "127.0.0.1:0")
    sys.exit(uwoffload.serve(handler, http=http, **options))
