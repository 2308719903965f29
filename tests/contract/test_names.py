"""What stands in C and in Python is the same: names, numbers, instructions."""

import re
from pathlib import Path

import pytest

import uwoffload
from uwoffload import Outcome, ReceiveFile, Send, SendFile, Splice
from uwoffload._bridge import ffi, lib, text
from uwoffload.program import INSTRUCTIONS

CSRC = Path(__file__).resolve().parents[2] / "csrc"
HEADER = (CSRC / "include" / "uwoffload.h").read_text(encoding="utf-8")

KINDS = {
    lib.UWO_SEND: Send,
    lib.UWO_SEND_FILE: SendFile,
    lib.UWO_SPLICE: Splice,
    lib.UWO_RECEIVE_FILE: ReceiveFile,
}


def test_outcomes_are_those_of_the_header():
    assert len(Outcome) == lib.UWO_OUTCOME_COUNT
    for outcome in Outcome:
        assert getattr(lib, f"UWO_{outcome.name}") == outcome
        assert text(lib.uwo_outcome_name(outcome)) == str(outcome)
    assert text(lib.uwo_outcome_name(len(Outcome))) == "unknown"


def test_every_registered_instruction_has_a_dataclass():
    registered = (CSRC / "task" / "tasks.def").read_text(encoding="utf-8")
    assert len(re.findall(r"^[A-Z]+\(", registered, re.MULTILINE)) == len(KINDS)
    assert set(KINDS.values()) == set(INSTRUCTIONS)
    for kind, instruction in KINDS.items():
        words = re.sub(r"(?<!^)([A-Z])", r" \1", instruction.__name__).lower()
        assert text(lib.uwo_kind_name(kind)) == words
    assert text(lib.uwo_kind_name(99)) == "unknown"


def test_every_status_has_a_line_of_english():
    for name in re.findall(r"\b(UWO_E_\w+) =", HEADER):
        line = text(lib.uwo_status_text(getattr(lib, name)))
        assert line
        assert "\n" not in line
    assert text(lib.uwo_status_text(-2)) != text(lib.uwo_status_text(-9))


def test_version_is_that_of_the_core():
    version = (CSRC / "api" / "version.h").read_text(encoding="utf-8")
    assert f'"{uwoffload.__version__}"' in version
    assert text(lib.uwo_version()) == uwoffload.__version__


# Elements of arrays: the struct that points to them has the size. And tables of the core.
WITHOUT_SIZE = {
    "uwo_worker_reading", "uwo_scale_knob", "uwo_scale_algorithm", "uwo_lab_event", "uwo_lab_row",
}  # fmt: skip


def test_every_struct_of_a_call_begins_with_its_size():
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", HEADER, re.MULTILINE | re.DOTALL):
        has_size = re.match(r"\s*(size_t|uint32_t) size;", body)
        assert has_size or name in WITHOUT_SIZE, name
        assert ffi.sizeof(f"struct {name}") > 0


def test_statistics_fields_are_those_of_the_core(engine):
    with engine.statistics as statistics:
        count = lib.uwo_stats_field_count()
        assert [text(lib.uwo_stats_field_name(i)) for i in range(count)] == list(statistics.fields)


@pytest.mark.parametrize("function", re.findall(r"^[a-z].*\b(uwo_\w+)\(", HEADER, re.MULTILINE))
def test_every_function_of_the_header_is_there(function):
    """API mode has compiled a call of each; that it is there says it links."""
    assert hasattr(lib, function)
