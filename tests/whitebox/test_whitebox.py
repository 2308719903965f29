"""The module itself: it stands for the whole of csrc/base and csrc/task."""

import re

from whitebox import build, ffi, lib
from whitebox.machines import OPS, OUTCOMES, registered


def test_every_line_of_tasks_def_is_registered():
    listed = re.findall(r"^TASK\((\w+)\)", (build.CSRC / "task" / "tasks.def").read_text(), re.M)

    assert sorted(listed) == sorted(name.replace(" ", "_") for name in registered())


def test_every_kind_of_the_public_header_has_its_type():
    kinds = [lib.UWO_SEND, lib.UWO_SEND_FILE, lib.UWO_SPLICE, lib.UWO_RECEIVE_FILE]

    assert all(lib.task_type_of(kind).kind == kind for kind in kinds)
    assert lib.task_type_of(0) == lib.task_type_of(255) == ffi.NULL


def test_every_type_says_what_it_is():
    for index in range(len(registered())):
        kind = lib.wb_task_type(index)
        assert ffi.string(kind.summary)


def test_every_op_and_outcome_has_a_name_here():
    header = (build.CSRC / "task" / "op.h").read_text(encoding="utf-8")
    public = (build.CSRC / "include" / "uwoffload.h").read_text(encoding="utf-8")

    assert len(OPS) == lib.OP_COUNT
    assert {f"OP_{name.upper()}" for name in OPS.values()} <= set(re.findall(r"OP_\w+", header))
    assert f"#define UWO_OUTCOME_COUNT {len(OUTCOMES)}" in public
