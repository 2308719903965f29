"""Traces: what people have is read as it is meant; what is guessed or left out is said."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import lzma
import random
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from uwoffload.errors import InvalidArgument
from uwoffload.lab.cases import blocks
from uwoffload.lab.loads import SECOND
from uwoffload.lab.services import Deterministic, Exponential
from uwoffload.lab.traces import read_trace
from uwoffload.lab.traces_csv import Table
from uwoffload.lab.traces_files import Reading, TraceError, lines
from uwoffload.lab.traces_logs import common, uwsgi

SAMPLES = Path(__file__).parent / "traces"
LAW = Deterministic(50_000)
COMMON = '192.0.2.7 - - [05/Mar/2024:10:00:{:02} +0000] "GET / HTTP/1.1" 200 5'


def written(folder: Path, *text: str, name: str = "trace") -> Path:
    path = folder / name
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def epoch_us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * SECOND)


# Common and Combined Log Format


@pytest.mark.parametrize(
    ("tail", "figure", "unit"),
    [
        ("", None, ""),
        (" 0.123", 0.123, ""),
        (' "-" "curl/8.5.0"', None, ""),
        (' "-" "curl/8.5.0" 52340', 52340.0, ""),
        (' "-" "curl/8.5.0" 0.052 0.050', 0.052, ""),
        (' "-" "curl/8.5.0" 0.052 -', 0.052, ""),
        (' "https://example.test/?n=3 4" "Agent 7 of 9" "192.0.2.9, 192.0.2.10" 0.4', 0.4, ""),
        (' "-" "curl/8.5.0" rt=0.052 uct="0.000" urt="0.050"', 0.052, ""),
        (' "-" "curl/8.5.0" "0.052"', 0.052, ""),
        (' "-" "curl/8.5.0" 12 "router@file" "http://192.0.2.1:80" 37ms', 37.0, "ms"),
        (' "-" "odd \\" quote" 99', 99.0, ""),
        (' "-" "curl/8.5.0" request_time=1.5s', 1.5, "s"),
        (' "-" "curl/8.5.0" "-" - 0.052', 0.052, ""),
    ],
)
def test_the_response_time_is_found_behind_the_line(tail, figure, unit):
    assert (figure, unit) == common(COMMON.format(7) + tail)[1:]


@pytest.mark.parametrize(
    ("stamp", "iso"),
    [
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T13:55:36-07:00"),
        ("05/Mar/2024:00:00:00 +0530", "2024-03-05T00:00:00+05:30"),
        ("29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59+00:00"),
        ("5/mar/2024:10:00:00", "2024-03-05T10:00:00+00:00"),
        ("05/Mar/2024:10:00:00.25 +0000", "2024-03-05T10:00:00.25+00:00"),
        ("31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_stamps_have_their_zone(stamp, iso):
    line = f'192.0.2.7 - bob smith [{stamp}] "GET / HTTP/1.1" 200 5'

    assert epoch_us(iso) == common(line).stamp_us


@pytest.mark.parametrize(
    "request_line",
    [
        '"GET /a\\"b HTTP/1.1"', '"-"', '""', '"\\x16\\x03\\x01"',
        '"GET /a[1]?x=[05/Mar/2024] HTTP/1.1"', '"GET /a "quoted" b HTTP/1.0"',
    ],
)  # fmt: skip
def test_requests_may_look_odd(request_line):
    line = f"host - - [05/Mar/2024:10:00:00 +0000] {request_line} 400 -"

    assert epoch_us("2024-03-05T10:00:00+00:00") == common(line).stamp_us


@pytest.mark.parametrize(
    "line",
    [
        "cut off",
        '192.0.2.7 - - [99/Mar/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 5',
        '192.0.2.7 - - [05/Mrz/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 5',
        '192.0.2.7 - - [05/Mar/2024:25:00:00 +0000] "GET / HTTP/1.1" 200 5',
        '192.0.2.7 - - [05/Mar/2024:10:00 +0000] "GET / HTTP/1.1" 200 5',
        '192.0.2.7 - - [05/Mar/2024:10:00:00 +0000] "GET / HTTP/1.1" 2000 5',
    ],
)
def test_lines_that_are_none_are_refused(line):
    with pytest.raises(ValueError):
        common(line)


@given(st.text(max_size=80))
@example("#\n0")
def test_no_line_breaks_a_parser(text):
    for parser in (common, uwsgi, Table(Reading("x"))):
        for line in (text, COMMON.format(7) + " " + text, "[pid: 1|app: 0|req: 1/1] " + text):
            try:
                parser(line)
            except (ValueError, OverflowError):
                pass


def test_a_first_line_that_is_none_leaves_the_next_to_be_the_first():
    parse = Table(Reading("x"))

    with pytest.raises(ValueError):
        parse('"broken"\rquotes,1')

    assert parse("time,service") is None and parse("5,0.25").stamp_us == 5 * SECOND


def test_a_port_in_front_of_the_time_is_no_time():
    line = COMMON.format(1) + ' "-" "curl" example.com 443 0.125'

    assert common(line).figure == 0.125


@pytest.mark.parametrize("first", ["hello world", "a,b", '"one",two'])
def test_a_first_line_that_says_nothing_is_no_header(first, tmp_path):
    path = written(tmp_path, first, "1,2", "3,4", name="trace.csv")

    trace = read_trace(path, format="csv")

    assert trace.load.services.tolist() == [2 * SECOND, 4 * SECOND]
    assert trace.reading.failed == 1
    assert "say time_column" in trace.reading.failures[0]
    with pytest.raises(TraceError, match="trace.csv:1: neither times nor known names"):
        read_trace(path, format="csv", strict=True)


def test_a_trace_is_the_same_by_any_name(tmp_path):
    text = [COMMON.format(second) for second in range(10)]
    found = [
        read_trace(written(tmp_path, *text, name=name), law=Exponential(1000)).load
        for name in ("access.log", "other")
    ]

    assert np.array_equal(found[0].arrivals, found[1].arrivals)
    assert np.array_equal(found[0].services, found[1].services)


def test_apache_with_micros_is_read():
    trace = read_trace(SAMPLES / "apache_micros.log")

    assert (300, 0) == (trace.load.requests, trace.failed)
    assert 20_000 < np.median(trace.load.services) < 60_000
    assert trace.load.meta["origin_us"] == epoch_us("2024-03-05T09:59:30+01:00")
    assert any("taken as us" in note for note in trace.notes)
    assert any("start of a request" in note for note in trace.notes)
    assert any("spread" in note for note in trace.notes)


def test_nginx_writes_at_the_end_of_a_request():
    """
    The stamp is the end: arrivals lie the response time before it.
    """
    found = read_trace(SAMPLES / "nginx_timed.log.gz")
    as_start = read_trace(SAMPLES / "nginx_timed.log.gz", stamp="start")

    assert any("end of a request" in note for note in found.notes)
    assert 50_000 < np.median(found.load.services) < 150_000
    shift = as_start.load.meta["origin_us"] - found.load.meta["origin_us"]
    mean = as_start.load.arrivals.mean() + shift - found.load.arrivals.mean()
    assert mean == pytest.approx(found.load.services.mean(), rel=1e-6)


def test_lines_that_do_not_parse_are_counted_and_shown():
    trace = read_trace(SAMPLES / "common_1995.log.bz2", law=LAW)

    assert (198, 2) == (trace.load.requests, trace.failed)
    assert ":91: " in trace.failures[0]
    assert "cut off in the mid" in trace.failures[0]
    assert "99/Jul" in trace.failures[1]
    assert set(trace.load.services) == {50_000}
    assert any("198 of 198 requests have no response time" in note for note in trace.notes)


def test_strict_stops_at_the_first_line_that_does_not_parse():
    with pytest.raises(TraceError, match=r"common_1995.log.bz2:91: .*cut off in the mid"):
        read_trace(SAMPLES / "common_1995.log.bz2", law=LAW, strict=True)


def test_only_the_first_failures_are_kept(tmp_path):
    path = written(tmp_path, COMMON.format(1) + " 0.5", *["bad"] * 100)

    trace = read_trace(path)

    assert 100 == trace.failed
    assert 5 == len(trace.failures)


@pytest.mark.parametrize(
    ("figures", "unit", "service"),
    [
        (("0.004", "1.500", "0.000"), "s", 1_500_000),
        (("400", "1500", "90"), "us", 1500),
        (("0", "3", "1"), "s", 3_000_000),
    ],
)
def test_units_of_a_log_are_guessed_and_said(tmp_path, figures, unit, service):
    path = written(tmp_path, *(f'{COMMON.format(7)} "-" "x" {figure}' for figure in figures))

    trace = read_trace(path, stamp="start")

    assert service == trace.load.services.max()
    assert any(f"taken as {unit} " in note for note in trace.notes)


def test_a_unit_that_is_given_is_not_guessed(tmp_path):
    path = written(tmp_path, *(f'{COMMON.format(7)} "-" "x" {figure}' for figure in (3, 5)))

    trace = read_trace(path, unit="ms", stamp="start")

    assert [3000, 5000] == sorted(trace.load.services)
    assert not any("taken as" in note for note in trace.notes)


def test_whole_seconds_are_spread_by_the_seed(tmp_path):
    path = written(tmp_path, *[COMMON.format(7)] * 4000)

    first, again, other = (read_trace(path, law=LAW, seed=seed).load for seed in (1, 1, 2))

    assert (first.arrivals == again.arrivals).all()
    assert (first.arrivals != other.arrivals).any()
    assert first.horizon_us == SECOND
    quarters = np.histogram(first.arrivals, np.linspace(0, SECOND, 5))[0]
    assert quarters.tolist() == pytest.approx([1000] * 4, abs=150)


def test_lines_out_of_order_are_sorted_and_said(tmp_path):
    path = written(tmp_path, *(COMMON.format(second) + " 0.5" for second in (1, 9, 4, 10)))

    trace = read_trace(path)

    assert any("1 of 4 lines were not in order of time (by up to 5 s)" in n for n in trace.notes)
    assert (np.diff(trace.load.arrivals) >= 0).all()


def test_times_that_some_lack_are_drawn_from_the_others(tmp_path):
    path = written(
        tmp_path, *(f'{COMMON.format(s)} "-" "x" {"-" if s % 2 else "0.25"}' for s in range(20))
    )

    assert {250_000} == set(read_trace(path).load.services)
    assert {250_000, 50_000} == set(read_trace(path, law=LAW).load.services)


def test_without_any_times_a_law_is_asked_for(tmp_path):
    path = written(tmp_path, COMMON.format(7))

    with pytest.raises(TraceError, match="law of service times"):
        read_trace(path)


# uWSGI


def test_the_log_of_uwsgi_is_read():
    trace = read_trace(SAMPLES / "uwsgi.log")

    assert (199, 1, 7) == (trace.load.requests, trace.failed, trace.reading.other)
    assert "[pid: 102" in trace.failures[0]
    assert trace.load.meta["origin_us"] == epoch_us("2024-03-05T10:00:02+00:00")
    assert (trace.load.services % 1000 == 0).all()
    assert 20_000 < np.median(trace.load.services) < 50_000


@pytest.mark.parametrize(
    ("took", "figure", "unit"),
    [("45 msecs", 45.0, "ms"), ("45123 micros", 45123.0, "us")],
)
def test_uwsgi_says_its_unit(took, figure, unit):
    line = (
        "[pid: 1|app: 0|req: 1/1] 192.0.2.7 (bob) {40 vars in 500 bytes} [Sat Mar 15 10:00:00 2024]"
        f" GET /a=>b => generated 12 bytes in {took} (HTTP/1.1 200) 2 headers in 80 bytes"
    )

    assert (epoch_us("2024-03-15T10:00:00+00:00"), figure, unit) == uwsgi(line)
    assert uwsgi("example.test " + line) == uwsgi(line)
    assert uwsgi("spawned uWSGI worker 1 (pid: 7, cores: 1)") is None


# Azure Functions


def azure(**values):
    trace = SAMPLES / "azure_invocations.csv.xz"
    return read_trace(trace, durations=SAMPLES / "azure_durations.csv", **values)


def azure_counts() -> np.ndarray:
    with lzma.open(SAMPLES / "azure_invocations.csv.xz", "rt") as text:
        next(text)
        return np.asarray([[int(field) for field in line.split(",")[4:]] for line in text])


def test_calls_of_azure_lie_in_their_minutes():
    load = azure(law=LAW).load

    counts = azure_counts()
    found = np.histogram(load.arrivals, np.arange(61) * 60 * SECOND)[0]
    assert counts.sum(axis=0).tolist() == found.tolist()
    assert load.horizon_us == 3600 * SECOND


def test_durations_of_azure_follow_the_percentiles():
    """
    Medians of 20, 500 and 3 ms, each between its least and its most; the fourth has none.
    """
    with lzma.open(SAMPLES / "azure_invocations.csv.xz", "rt") as text:
        names = [line.split(",")[2] for line in text][1:]

    for name, median in zip(names, (20, 500, 3), strict=False):
        services = azure(select=name[:12]).load.services / 1000
        assert median / 2 - 1e-3 <= services.min() <= services.max() <= median * 10 + 1e-3
        assert np.median(services) == pytest.approx(median, rel=0.35)
    trace = azure(select=names[3][:12], law=LAW)
    assert set(trace.load.services) == {50_000}


def test_azure_is_the_same_for_a_seed():
    first, again, other = (azure(law=Exponential(1000), seed=seed).load for seed in (1, 1, 2))

    assert (first.arrivals == again.arrivals).all()
    assert (first.services == again.services).all()
    assert (first.arrivals != other.arrivals).any()


def test_a_row_of_azure_that_is_short_is_counted(tmp_path):
    with lzma.open(SAMPLES / "azure_invocations.csv.xz", "rt") as text:
        header, first, second, *_ = text.read().split("\n")
    path = written(tmp_path, header, first, second.rpartition(",")[0], first.replace(",", ",-", 9))

    trace = read_trace(path, law=LAW)

    assert 2 == trace.failed
    assert "59 minutes where the header has 60" in trace.failures[0]
    with pytest.raises(TraceError, match=":3: 59 minutes"):
        read_trace(path, law=LAW, strict=True)


@pytest.mark.parametrize("count", ["9" * 30, str(2**63), str(2**62)])
def test_a_row_of_azure_with_counts_beyond_reason_is_counted(tmp_path, count):
    """
    Also two whose sum wraps.
    """
    header = ",".join(["HashOwner", "HashApp", "HashFunction", "Trigger", "1", "2"])
    path = written(tmp_path, header, f"a,b,c,http,{count},{count}", "a,b,d,http,3,4")

    trace = read_trace(path, law=LAW)

    assert (7, 1) == (trace.load.requests, trace.failed)
    assert "a count above" in trace.failures[0]


def test_calls_that_are_too_many_together_are_refused_before_they_are_drawn(tmp_path):
    header = ",".join(["HashOwner", "HashApp", "HashFunction", "Trigger", "1", "2"])
    path = written(tmp_path, header, f"a,b,c,http,{2**40},{2**40}")

    with pytest.raises(TraceError, match=r"over 134217728 calls; take some of the functions"):
        read_trace(path, law=LAW)


@pytest.mark.parametrize("names", ["x,100", "50,25", "0,nan", "0,101"])
def test_percentiles_of_azure_that_are_none_are_named(tmp_path, names):
    percentiles = ",".join(f"percentile_Average_{name}" for name in names.split(","))
    head = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum"
    path = written(tmp_path, f"{head},{percentiles}", "a,b,c,1,1,1,1,1,1", name="durations")

    with pytest.raises(TraceError, match=r"durations: .*percentile_Average_"):
        read_trace(SAMPLES / "azure_invocations.csv.xz", durations=path)


def test_rows_of_durations_that_do_not_parse_are_counted_and_shown(tmp_path):
    head = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum"
    durations = written(
        tmp_path, f"{head},percentile_Average_0,percentile_Average_100",
        "a,b,c,1,1,1,1,BROKEN,2", "a,b,d,1,1,1,1,1,2", name="durations",
    )  # fmt: skip
    path = written(tmp_path, "HashOwner,HashApp,HashFunction,Trigger,1", "a,b,c,http,3")

    trace = read_trace(path, durations=durations, law=LAW)

    assert trace.reading.failed == trace.load.meta["failed"] == 1
    assert "durations:2: " in trace.reading.failures[0]


def test_durations_of_azure_beyond_reason_count_as_missing(tmp_path):
    head = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum"
    durations = written(
        tmp_path, f"{head},percentile_Average_0,percentile_Average_100",
        "a,b,c,1,1,1,1,1e300,1e300", name="durations",
    )  # fmt: skip
    path = written(tmp_path, "HashOwner,HashApp,HashFunction,Trigger,1", "a,b,c,http,3")

    trace = read_trace(path, durations=durations, law=LAW)

    assert trace.load.services.tolist() == [50_000] * 3
    assert any("3 response times above" in note for note in trace.notes)


def test_the_durations_alone_are_no_trace():
    with pytest.raises(TraceError, match="goes with it as durations"):
        read_trace(SAMPLES / "azure_durations.csv")
    with pytest.raises(TraceError, match="no durations"):
        read_trace(SAMPLES / "azure_invocations.csv.xz", durations=SAMPLES / "requests_ms.csv")


# Tables


def test_a_table_with_a_header_is_read():
    trace = read_trace(SAMPLES / "requests_ms.csv")

    assert (100, 0, 2) == (trace.load.requests, trace.failed, trace.reading.other)
    assert 20_000 < np.median(trace.load.services) < 120_000
    assert any("'timestamp', service 'latency_ms'" in note for note in trace.notes)
    assert not any("spread" in note for note in trace.notes)


@pytest.mark.parametrize(
    ("rows", "arrivals", "services", "values"),
    [
        (("0.5,0.25", "1.5,0.5"), [500_000, 1_500_000], [250_000, 500_000], {}),
        (("time;service_us", "1;20", "3;50"), [0, 2 * SECOND], [20, 50], {}),
        (("1709632800123\t7", "1709632800500\t9"), [123_000, 500_000], [7000, 9000],
         {"unit": "ms"}),
        (("service (ms),time (ms)", "5,100", "7,900"), [100_000, 900_000], [5000, 7000], {}),
        (
            ("a,b,c", "1,2,x", "3,4.5,x"),
            [0, 2_500_000],
            [SECOND, 3 * SECOND],
            {"time_column": "b", "service_column": 1},
        ),
        (('"2024-03-05 10:00:00.5","1"', '"2024-03-05 10:00:01","2"'), [500_000, SECOND],
         [SECOND, 2 * SECOND], {}),
        (("100", "200", "900"), [100_000, 200_000, 900_000], [50_000] * 3,
         {"law": LAW, "time_unit": "ms"}),
        (("1709632800123456789,5", "1709632800123556789,5"), [123_456, 123_556], [5, 5],
         {"unit": "us"}),
    ],
)  # fmt: skip
def test_tables_are_read_as_they_come(tmp_path, rows, arrivals, services, values):
    trace = read_trace(written(tmp_path, *rows), format="csv", **values)

    assert 0 == trace.failed
    assert arrivals == trace.load.arrivals.tolist()
    assert services == trace.load.services.tolist()


def test_seconds_that_come_twice_are_spread(tmp_path):
    once = read_trace(written(tmp_path, "1,5", "2,5", "4,5"), unit="ms").load
    twice = read_trace(written(tmp_path, "1,5", "2,5", "2,5"), unit="ms").load

    assert [0, SECOND, 3 * SECOND] == once.arrivals.tolist()
    assert (twice.arrivals % SECOND != 0).any()


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = written(tmp_path, "time,took", "1,2")

    with pytest.raises(TraceError, match="no column 'tok'; there are: time, took"):
        read_trace(path, service_column="tok")
    with pytest.raises(TraceError, match="no column '3'"):
        read_trace(path, time_column=3)


def test_cells_that_are_no_numbers_are_counted(tmp_path):
    path = written(tmp_path, "t,took", "1,2", "x,2", "2,-3", "3,nan", "4", "5,")

    trace = read_trace(path, law=LAW)

    assert (3, 3) == (trace.load.requests, trace.failed)
    assert "no duration: '-3'" in trace.failures[1]


# Files


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_packing_is_told_by_the_content_not_the_name(tmp_path, pack):
    path = tmp_path / "access.log"
    text = "\r\n".join([*(COMMON.format(s) + " 0.5" for s in range(10)), "", ""])
    path.write_bytes(pack(b"\xef\xbb\xbf" + text.encode()))

    trace = read_trace(path)

    assert (10, 0) == (trace.load.requests, trace.failed)


def test_zstd_is_read_or_named(tmp_path):
    path = tmp_path / "trace"
    if importlib.util.find_spec("zstandard"):
        import zstandard

        path.write_bytes(zstandard.compress(b"1,0.5\n2,0.5\n"))
        assert 2 == read_trace(path).load.requests
    elif not importlib.util.find_spec("compression"):
        path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
        with pytest.raises(TraceError, match="pip install zstandard"):
            read_trace(path)


@pytest.mark.slow
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_that_breaks_off_is_said(tmp_path, pack):
    path = tmp_path / "trace"
    generator = random.Random(1)
    rows = "".join(f"{at},{generator.random()}\n" for at in range(50_000))
    path.write_bytes(pack(rows.encode())[:-5000])

    trace = read_trace(path)

    assert 1 <= trace.failed <= 2
    assert "ends or breaks here" in "".join(trace.failures)
    assert 1000 < trace.load.requests < 50_000
    with pytest.raises(TraceError, match=r"trace:\d+: "):
        read_trace(path, strict=True)


def test_a_packed_file_whose_beginning_is_damaged_is_said_to_break(tmp_path):
    path = tmp_path / "trace.gz"
    packed = bytearray(gzip.compress(b"0,1\n" * 1000))
    packed[12:20] = b"\xff" * 8
    path.write_bytes(packed)

    with pytest.raises(TraceError, match=r"trace.gz:1: the file ends or breaks here"):
        read_trace(path)


def test_lines_may_end_as_on_old_systems(tmp_path):
    """
    CR, LF and CR LF, mixed, also where a block of the file ends between the two.
    """
    path = tmp_path / "trace"
    begin = "".join(f"{at},1\r" for at in range(3)) + "3,1\r\n4,1\n"
    fill = "#" * ((1 << 16) - len(begin) - 1) + "\r"
    path.write_bytes(f"{begin}{fill}\n5,1\r6,1\r".encode())
    reading = Reading("x")

    found = list(lines(path, reading))

    assert [line for line in found if line[0] != "#"] == [f"{at},1" for at in range(7)]
    assert (reading.lines, reading.failed) == (8, 0)
    assert 7 == read_trace(path).load.requests


@pytest.mark.slow
def test_a_long_file_with_bare_cr_is_read(tmp_path):
    path = tmp_path / "trace"
    path.write_bytes(b"".join(b"%d,1\r" % at for at in range(300_000)))

    assert 300_000 == read_trace(path).load.requests


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r \ufeff"), min_size=1),
        max_size=9,
    )
)
def test_lines_come_out_as_they_went_in(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_text("\n".join(texts), encoding="utf-8", newline="")
    reading = Reading("x")

    found = list(lines(path, reading))

    assert texts == found
    assert len(texts) == reading.lines


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"hello\nworld\n", "not one of azure, common, csv, uwsgi"),
        (b"time,service\n", "not one of"),
        (b"x" * (1 << 21), "a line without end"),
    ],
)
def test_what_is_no_trace_is_said_in_one_line(tmp_path, content, said):
    path = tmp_path / "trace"
    path.write_bytes(content)

    with pytest.raises(TraceError, match=said) as raised:
        read_trace(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_trace_without_requests_shows_what_does_not_parse(tmp_path):
    path = written(tmp_path, "bad", "worse")

    with pytest.raises(TraceError, match=r"no request in 2 lines of common.*:1: .*'bad'"):
        read_trace(path, format="common")


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(TraceError, match="No such file"):
        read_trace(tmp_path / "nothing")
    with pytest.raises(TraceError, match="Is a directory"):
        read_trace(tmp_path)


@pytest.mark.parametrize(
    "values", [{"format": "json"}, {"unit": "h"}, {"stamp": "middle"}, {"time_unit": "x"}]
)
def test_options_that_are_unknown_are_named(values):
    with pytest.raises(InvalidArgument, match="one of"):
        read_trace(SAMPLES / "uwsgi.log", **values)


def test_a_stray_stamp_is_noticed(tmp_path):
    path = written(tmp_path, "0,1", *(f"{1_700_000_000 + at},1" for at in range(10)))

    trace = read_trace(path)

    assert any("is a stamp wrong?" in note for note in trace.notes)


@pytest.mark.parametrize("year", [1999, 9999])
def test_a_line_far_off_the_others_is_named_with_the_remedy(tmp_path, year):
    """
    When the simulator could not go so far; a part of the load may do.
    """
    rows = [COMMON.format(at) + " 0.1" for at in range(60)]
    rows[7] = rows[7].replace("2024", str(year))
    path = written(tmp_path, *rows)

    trace = read_trace(path)

    (said,) = (note for note in trace.notes if "days" in note)
    assert said.startswith("line 8 is ")
    assert "at most 101 days can be replayed at once: take such lines out, or cut" in said
    assert f"{year}:10:00" in said
    with pytest.raises(TraceError, match=r"^load 'trace': \d+ days; at most 101 can be replayed"):
        blocks(trace.load, 2)


def test_times_out_of_reach_are_refused(tmp_path):
    path = written(tmp_path, "1,1", "1e300,1", "inf,1", "2,1e300", "3,2")

    trace = read_trace(path, format="csv", law=LAW)

    assert (3, 2) == (trace.load.requests, trace.failed)
    assert any("1 response times above" in note for note in trace.notes)


@pytest.mark.slow
def test_a_long_log_is_read_line_by_line(tmp_path):
    """
    Memory is that of the figures, not of the text.
    """
    import tracemalloc

    path = tmp_path / "long.log"
    line = COMMON + ' "https://example.test/" "An agent with a long name" 0.{:03}\n'
    with path.open("w") as text:
        for at in range(300_000):
            text.write(line.format(at // 5000, at % 1000))
    tracemalloc.start()
    trace = read_trace(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 300_000 == trace.load.requests
    assert peak < path.stat().st_size
