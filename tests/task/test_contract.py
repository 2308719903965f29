"""What every registered instruction and every program must keep to, whatever the results are.

A driver of random mood answers every want: with parts, with nothing, with errors, with ends, with
a cancel at any point.  It knows how much there really is at each end, and counts by itself.
"""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import TO_THE_END
from whitebox.machines import OUTCOMES, Program, Task, registered

KINDS = registered()
WAITS = ("wait", "more")
ERRORS = st.sampled_from([errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.ENOMEM, errno.ENOSPC])
COUNTS = st.one_of(st.integers(0, 300), st.integers(0, 5 << 20))
SHARES = st.floats(0, 1)
# What the driver answers: how much of what was asked for goes in and out, and how it feels.
MOODS = st.tuples(SHARES, SHARES, st.sampled_from(["well"] * 12 + ["short", "nothing", "error"]))
RUNS = st.lists(MOODS, max_size=60)
SOURCE_OF = {"send_file": "file", "splice": "peer", "receive": "client"}
TARGET_OF = {"send": "client", "send_file": "client", "splice": "client", "write": "disk",
             "receive": "none", "prefetch": "file"}  # fmt: skip


class Driver:
    """Answers wants; `held` is what a splice has taken in and not yet given out."""

    def __init__(self):
        self.held = 0
        self.sent = 0
        self.received = 0
        self.written = 0

    def answer(self, want, mood, error):
        """The result for a want, as keywords of feed()."""
        share_in, share_out, feeling = mood
        length = min(want.length, 1 << 20)
        if feeling == "error":
            return {"side": TARGET_OF.get(want.kind, "client"), "error": error}
        if feeling == "nothing" or want.kind in ("prefetch", *WAITS):
            return {}
        if want.kind in ("send", "send_file"):
            out = round(length * share_out)
            self.sent += out
            ended = want.kind == "send_file" and feeling == "short"
            return {"out": out, "side": "file ended" if ended else "none"}
        if want.kind == "splice":
            in_ = round(length * share_in)
            out = round((self.held + in_) * share_out)
            self.held += in_ - out
            self.sent += out
            return {"in_": in_, "out": out, "side": "peer ended" if feeling == "short" else "none"}
        if want.kind == "receive":
            in_ = round(length * share_in)
            self.received += in_
            return {"in_": in_, "side": "client ended" if feeling == "short" else "none"}
        assert want.kind == "write"
        out = round(length * share_out)
        self.written += out
        return {"out": out}

    def generous(self, want):
        """The result of a driver that gives all that is asked for, and ends what has no end."""
        mood = (1.0, 1.0, "short" if want.length > 1 << 40 else "well")
        return self.answer(want, mood, 0)


def steps_needed(count):
    """A bound for a generous driver: it moves a MiB at a time, a file needs two per window."""
    return 4 * ((0 if count == TO_THE_END else count) // (1 << 20) + 3)


@pytest.mark.parametrize("kind", KINDS)
@given(count=st.one_of(COUNTS, st.just(TO_THE_END)), moods=RUNS, error=ERRORS)
def test_an_instruction_under_random_results(kind, count, moods, error):
    if kind != "splice" and count == TO_THE_END:
        count = 77
    task, driver, last = Task(kind, count=count), Driver(), 0
    for mood in moods:
        if task.done:
            break
        assert task.want.kind not in ("none", *WAITS)
        assert task.want.length > 0 or driver.held > 0
        result = driver.answer(task.want, mood, error)
        task.feed(**result)
        last = result.get("error", 0)

    assert (driver.sent, driver.received) == (task.bytes_queued, task.bytes_received)
    assert task.done or task.held == max(driver.held, driver.received - driver.written)
    for _ in range(steps_needed(count)):
        if not task.done:
            task.feed(**driver.generous(task.want))
    assert task.done
    assert task.want.kind == "none"
    assert driver.sent <= count
    if task.outcome == 0 and count != TO_THE_END:
        assert count == max(driver.sent, driver.received)
    elif last:
        assert task.outcome == -last


@pytest.mark.parametrize("kind", KINDS)
@given(count=COUNTS, moods=RUNS)
def test_an_instruction_ends_with_the_first_error_wherever_it_comes(kind, count, moods):
    """Which is also how a cancel arrives."""
    task, driver = Task(kind, count=count), Driver()
    for mood in moods:
        if not task.done:
            task.feed(**driver.answer(task.want, (*mood[:2], "well"), 0))
    if task.done:
        return

    task.feed(error=errno.ECANCELED)

    assert (True, -errno.ECANCELED) == (task.done, task.outcome)
    assert driver.sent == task.bytes_queued


@pytest.mark.parametrize("kind", KINDS)
def test_an_instruction_of_nothing_wants_nothing(kind):
    task = Task(kind, count=0)

    assert (True, 0, "none") == (task.done, task.outcome, task.want.kind)


# ---- programs

INSTRUCTIONS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.one_of(st.integers(0, 300), st.integers(0, 4 << 20))),
    max_size=5,
)
STOPS = st.sampled_from([name for name in OUTCOMES.values() if name != "finished"])


class Run:
    """A program, its driver, and what must hold after every step."""

    def __init__(self, instructions, growing, rate):
        self.program = Program(instructions, growing=growing, rate=rate)
        self.driver = Driver()
        self.stopped = None
        self.started_us = self.program.now_us
        self.rate = rate
        self.failed = False

    def step(self, mood=None, error=0):
        """Ask, answer.  False when it has ended."""
        program = self.program
        want = program.want()
        if want is None:
            return False
        assert want == program.want(), "the same until its result"
        if want.kind == "wait":
            assert want.at > program.now_us
            program.now_us = want.at
        if mood is None and self.stopped:
            program.feed(error=errno.ECANCELED)
        elif mood is None:
            program.feed(**self.driver.generous(want))
        else:
            result = self.driver.answer(want, mood, error)
            self.failed |= bool(result.get("error"))
            program.feed(**result)
        if not program.cdata.task.held:
            self.driver.held = 0  # a failed instruction drops what it holds
        self.check()
        return True

    def check(self):
        assert self.program.bytes_queued == self.driver.sent
        assert self.program.bytes_received == self.driver.received
        if self.rate:
            moved = max(self.driver.sent, self.driver.received)
            passed = self.program.now_us - self.started_us
            assert moved <= self.rate * passed / 1e6 + 2 * (self.rate // 16 + 1) + 1


@given(
    instructions=INSTRUCTIONS,
    growing=st.booleans(),
    rate=st.sampled_from([0, 0, 1 << 20, 1 << 26]),
    moods=RUNS,
    error=ERRORS,
    stop=st.none() | st.tuples(st.integers(0, 60), STOPS, st.booleans()),
    more=st.lists(st.tuples(st.integers(0, 60), INSTRUCTIONS), max_size=3),
)
def test_a_program_under_random_results(instructions, growing, rate, moods, error, stop, more):
    """Growing, pacing, failing, cancelled at any point: it ends, in bounded steps, and counts."""
    run = Run(instructions, growing, rate)
    program, total = run.program, list(instructions)
    additions = dict(more) if growing else {}

    for index, mood in enumerate(moods):
        if program.want() is None:
            break
        if program.waiting and index in additions:
            program.grow(additions[index])
            total += additions[index]
        if stop and stop[0] == index:
            if stop[2]:
                program.want()
            program.stop(stop[1])
            run.stopped = run.stopped or stop[1]
        if not run.step(mood, error):
            break
    program.finish()
    size = sum(count for _, count in total)
    bound = 20 + 8 * len(total) + 8 * (size >> 20) + (64 * size // rate if rate else 0)
    while run.step():
        bound -= 1
        assert bound > 0, "it does not end"

    assert program.want() is None
    if run.stopped and not run.failed:
        assert program.outcome in (run.stopped, "finished", "source_short", "upload_short")
    elif not run.failed and program.outcome == "finished":
        assert program.bytes_queued + program.bytes_received == size
    assert program.outcome != "finished" or program.error == 0


@given(INSTRUCTIONS, RUNS, STOPS, st.integers(0, 59))
def test_after_a_stop_one_withdrawn_want_is_the_last(instructions, moods, outcome, at):
    run = Run(instructions, growing=False, rate=0)
    for mood in moods[:at]:
        if not run.step((*mood[:2], "well")):
            return
    if run.program.want() is None:
        return

    run.program.stop(outcome)
    run.program.feed(error=errno.ECANCELED)

    assert (None, outcome) == (run.program.want(), run.program.outcome)
