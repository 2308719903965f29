"""
wrk against one server: requests, errors, and the server's CPU meanwhile.
"""

import json
import subprocess
import time
from typing import Any

from method import Failed, Settings

from front.servers import HERE, Running, environment

THREADS, CONNECTIONS = 2, 64
ERRORS = ("connect", "read", "write", "timeout", "status")
WARM_UP_SECONDS = 0.15


def _run(settings: Settings, running: Running, name: str, seconds: int, close: bool) -> str:
    command = [
        *("wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s"),
        *("-s", str(HERE / "report.lua")),
        *(("-H", "Connection: close") if close else ()),
        f"http://127.0.0.1:{running.port}/{name}",
    ]
    done = subprocess.run(
        command,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    if done.returncode:
        raise Failed(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def load(settings: Settings, running: Running, name: str, size: int, close: bool) -> dict[str, Any]:
    """A second of wrk, after the first requests have warmed the server up."""
    _warm_up(settings, running, name)
    before = running.cpu_seconds()
    text = _run(settings, running, name, 1, close)
    time.sleep(0.02)  # for what the server still does when the client is done
    cpu = running.cpu_seconds() - before
    [line] = [line for line in text.splitlines() if line.startswith("json ")]
    result: dict[str, Any] = json.loads(line.removeprefix("json "))
    if not result["requests"]:
        raise Failed(f"{running.kind.name} answered nothing: {text}")
    result["errors"] = sum(result[error] for error in ERRORS)
    result["short"] = int(result["bytes"] < result["requests"] * size)
    result["cpu_us"] = cpu * 1e6 / result["requests"]
    result["per_second"] = result["requests"] / result["seconds"]
    return result


def _warm_up(settings: Settings, running: Running, name: str) -> None:
    command = [settings.program("load"), "bulk", "--connections", "8"]
    milliseconds = str(int(WARM_UP_SECONDS * 1000))
    subprocess.run(
        [*command, "--for-ms", milliseconds, str(running.port), name],
        capture_output=True,
        check=True,
        timeout=60,
    )
