"""Rules as people write them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from uwoffload import cheaper
from uwoffload.cheaper.named import RuleFailed
from uwoffload.errors import InvalidArgument
from uwoffload.lab.pool import Pool
from uwoffload.lab.rules import Contender, parse

POOL = Pool(workers_max=10, workers_min=2)

RULE = """
def always(state, readings):
    return 1, state

number = 3

def deep(state, readings):
    return sorted([state, readings])

def asks(state, readings, may_spawn):
    return 1, may_spawn

def handed_on(state, readings):
    import json
    return json.loads("")
"""


@pytest.mark.parametrize(
    "text",
    [
        "spare",
        "uwsgi-2.1/backlog:check_num_overload=3",
        "busyness:busy_max=70,busy_min=30,workers_step=2",
        "static:8",
        "mymodule:function",
        "rules.py:function:workers_min=3",
    ],
)
def test_a_rule_is_written_as_it_was_read(text):
    """
    The text of a rule is its name in every table, and can be given again.
    """
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)
    assert pickle.loads(pickle.dumps(parse(text))) == parse(text)


def test_the_name_of_uwsgiconf_is_taken():
    """
    What uwsgiconf calls queue is backlog.
    """
    assert parse("queue:check_num_overload=5") == parse("backlog:check_num_overload=5")


def test_order_of_knobs_makes_no_other_rule():
    """
    Rules are values: the same knobs are the same rule.
    """
    assert parse("busyness:busy_max=70,busy_min=30") == parse("busyness:busy_min=30,busy_max=70")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spar", 'did you mean "spare"'),
        ("uwsgi-2.2/spare", 'did you mean "uwsgi-2.'),
        ("busyness:busy_maxx=70", 'did you mean "busy_max"'),
        ("busyness:busy_max", "NAME=VALUE"),
        ("busyness:busy_max=many", "a whole number"),
        ("static:many", "a whole number"),
        ("static", "a whole number"),
        ("", "allowed: "),
    ],
)
def test_a_wrong_rule_is_named_with_the_remedy(text, words):
    """
    The message has the rule, what is wrong in it, and what is near or allowed.
    """
    with pytest.raises(InvalidArgument) as caught:
        parse(text)
    assert words in str(caught.value)
    assert repr(text)[1:-1] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("busyness:busy_max=20,busy_min=30", "busy_min"),
        ("busyness:busy_max=200", "busy_max"),
        ("static:11", "10"),
        ("static:0", "1 to"),
        ("spare:workers_min=11", "workers_min"),
        ("no_such_module_here:function", "no_such_module_here"),
        ("json:no_such_function", "no_such_function"),
    ],
)
def test_a_rule_that_is_not_sound_is_refused_before_it_runs(text, words):
    """
    build() names the rule and the value at fault.
    """
    with pytest.raises(InvalidArgument) as caught:
        parse(text).build(POOL)
    assert text in str(caught.value)
    assert words in str(caught.value)


def test_limits_of_a_rule_stand_over_those_of_the_pool():
    """
    What the pool says counts where the rule says nothing.
    """
    rule = parse("spare:workers_min=4").build(POOL)

    assert (rule.workers_max, rule.workers_min) == (10, 4)
    assert parse("spare").build(POOL).workers_min == 2


def test_a_check_is_made_at_each_tick():
    """
    A pool with another tick asks the rule as often.
    """
    rule = parse("spare").build(Pool(workers_max=4, tick_us=250_000))

    assert rule.check_interval_us == 250_000


def test_a_function_of_a_file_is_a_rule(tmp_path):
    """
    file.py:function needs no package.
    """
    path = tmp_path / "own.py"
    path.write_text(RULE, encoding="utf-8")

    assert isinstance(parse(f"{path}:always").build(POOL), cheaper.Scaler)
    with pytest.raises(InvalidArgument, match="number"):
        parse(f"{path}:number").build(POOL)


def test_a_broken_file_is_named(tmp_path):
    """
    What the file raises stands in the message, in one line.
    """
    path = tmp_path / "broken.py"
    path.write_text("1 / 0", encoding="utf-8")

    with pytest.raises(InvalidArgument, match="ZeroDivisionError") as caught:
        parse(f"{path}:rule").build(POOL)
    assert str(caught.value).endswith(f" ({path}:1)")
    path.write_text("def rule(:", encoding="utf-8")
    with pytest.raises(InvalidArgument, match=r"\(broken.py, line 1\)$"):
        parse(f"{path}:rule").build(POOL)


@pytest.mark.parametrize(
    ("name", "words"),
    [("deep", r"TypeError: .* \(own.py:8\)"), ("handed_on", r"JSONDecodeError: .* \(own.py:15\)")],
)
def test_a_function_that_raises_is_told_with_the_line(tmp_path, monkeypatch, name, words):
    """
    The last one in its own file, not one of what it calls.
    """
    Path(tmp_path / "own.py").write_text(RULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    scaler = parse(f"own.py:{name}").build(POOL)

    with pytest.raises(RuleFailed, match=words) as caught:
        scaler.tick(cheaper.Readings(10).at(1_000_000).fill(state="bbCCCCCCCC"))
    assert "\n" not in str(caught.value)


def test_a_function_of_a_file_is_asked_as_it_is_written(tmp_path):
    """
    Its name and parameters are kept.
    """
    path = tmp_path / "own.py"
    path.write_text(RULE, encoding="utf-8")
    scaler = parse(f"{path}:asks").build(POOL)

    assert scaler.tick(cheaper.Readings(10).at(1_000_000).fill(state="bbCCCCCCCC")).delta == 1
    assert scaler.rule.algorithm.name == "asks"


@pytest.mark.parametrize("text", ["busyness:busy_max=70,busy_min=30", "spare", "target"])
def test_ini_lines_are_read_back_as_the_same_rule(text):
    """
    What `lab tune` prints is what Cheapening.from_ini takes.
    """
    contender = parse(text)

    found = cheaper.Cheapening.from_ini(contender.to_ini(POOL))

    assert found.algo.name == contender.algorithm
    assert found.algo.given == dict(contender.knobs)
    assert found.values["workers_max"] == 10


def test_python_lines_make_the_same_rule():
    """
    The expression, evaluated, has the same knobs and limits.
    """
    contender = parse("busyness:busy_max=70,workers_step=2")

    made = eval(contender.to_python(POOL), vars(cheaper).copy())

    assert made.rule == contender.build(POOL)


def test_what_no_ini_can_say_is_a_comment():
    """
    A function has no ini lines, a static pool has one.
    """
    assert parse("m:f").to_ini(POOL).startswith(";")
    assert parse("static:4").to_ini(POOL) == "processes = 4"


def test_other_knobs_are_another_rule():
    """
    with_values leaves the rule as it was.
    """
    contender = parse("busyness:busy_max=70")
    other = contender.with_values({"busy_max": 80, "workers_min": 3})

    assert str(contender) == "busyness:busy_max=70"
    assert other.values == {"busy_max": 80, "workers_min": 3}
    assert isinstance(other, Contender)


def test_files_are_found_from_the_current_directory(tmp_path, monkeypatch):
    """
    A relative path is enough.
    """
    Path(tmp_path / "own.py").write_text(RULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    parse("own.py:always").build(POOL)
