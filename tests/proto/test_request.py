"""What both protocols share: names, methods, linked fields."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import build, ffi, lib

from proto.hands import METHODS, Spans, span, text

HEADER = (build.CSRC / "proto" / "request.h").read_text(encoding="utf-8")
KNOWN = re.findall(r"^    FIELD_(\w+),$", HEADER, re.MULTILINE)
KNOWN = {name.replace("_", "-").lower().encode(): getattr(lib, f"FIELD_{name}")
         for name in KNOWN if name not in ("UNKNOWN", "KNOWN_COUNT")}  # fmt: skip
NAMED = {name.encode(): number for number, name in METHODS.items() if name != "OTHER"}


def known(name):
    return lib.request_known(span(name))


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_field_is_known_in_any_case(name):
    assert len(KNOWN) == lib.FIELD_KNOWN_COUNT - 1
    for form in (name, name.upper(), name.title(), name.swapcase()):
        assert known(form) == KNOWN[name]
    for other in (name[1:], name[:-1], name + b"x", name.replace(b"-", b"_") + b"_", b""):
        assert known(other) == lib.FIELD_UNKNOWN


@given(st.binary(max_size=25) | st.sampled_from(sorted(KNOWN)).flatmap(
    lambda name: st.tuples(st.integers(0, len(name) - 1), st.binary(max_size=1)).map(
        lambda change: name[: change[0]] + change[1] + name[change[0] + 1 :])))  # fmt: skip
def test_other_names_are_unknown(name):
    assert known(name) == KNOWN.get(name.lower(), lib.FIELD_UNKNOWN)


@given(st.sampled_from(sorted(NAMED)) | st.binary(max_size=8) | st.sampled_from([b"get", b"GETS"]))
def test_methods_are_known_by_their_very_name(name):
    assert lib.request_method(span(name)) == NAMED.get(name, lib.METHOD_OTHER)


def test_every_method_is_known():
    assert len(NAMED) == 9
    for name, number in NAMED.items():
        assert lib.request_method(span(name)) == number


@given(st.lists(st.integers(0, lib.FIELD_KNOWN_COUNT - 1), max_size=lib.REQUEST_FIELDS_MAX + 3))
def test_fields_are_linked_by_known_name_in_order(kinds):
    spans, request = Spans(), ffi.new("struct request *")
    lib.request_reset(request)

    for index, kind in enumerate(kinds):
        added = lib.request_add(request, spans(b"n%d" % index), spans(b"v%d" % index), kind)
        assert added == (index < lib.REQUEST_FIELDS_MAX)

    assert request.field_count == min(len(kinds), lib.REQUEST_FIELDS_MAX)
    for kind in range(1, lib.FIELD_KNOWN_COUNT):
        expected = [i for i, k in enumerate(kinds[: lib.REQUEST_FIELDS_MAX]) if k == kind]
        found, at = [], request.first[kind]
        while at:
            assert text(request.fields[at - 1].name) == b"n%d" % (at - 1)
            found.append(at - 1)
            at = request.fields[at - 1].next
        assert found == expected
    assert request.first[lib.FIELD_UNKNOWN] == 0
