"""YAML with places."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot.config.document import read, scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("012", 12),
        ("1_000", 1000),
        ("0.10", Decimal("0.10")),
        ("1e-3", Decimal("0.001")),
        (".5", Decimal("0.5")),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-08-08", "2024-08-08"),
        ("0x10", "0x10"),
        ("nan", "nan"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_quoted_scalars_stay_text() -> None:
    assert read("a: '1'\nb: \"true\"\n", "x").data == {"a": "1", "b": "true"}


def test_places_of_keys_and_entries() -> None:
    document = read("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "x.yaml")
    assert document.place(("a", "b")) == ("x.yaml", 2)
    assert document.place(("a", "c", 1, "d")) == ("x.yaml", 5)
    assert document.place(("a", "missing", "deeper")) == ("x.yaml", 1)


def test_aliases_are_values_of_their_own() -> None:
    document = read("a: &x {b: 1}\nc: *x\n", "x")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert not document.problems


words = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(words, plain, max_size=5))
def test_json_is_yaml(data: dict[str, Any]) -> None:
    document = read(json.dumps(data, ensure_ascii=False), "x")
    assert not document.problems
    assert document.data == data


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(text: str) -> None:
    document = read(text, "x")
    assert document.data is None or not document.problems or document.places


@given(st.text(alphabet=st.sampled_from("ab0123456789_.-+eE:[]{}&*!?|>'\"#,%@` \n\t\x00é"), max_size=60))
def test_whatever_stands_there_is_read_or_is_a_problem(text: str) -> None:
    document = read(text, "x")
    assert document.problems or document.data is not Ellipsis
    json.dumps(document.data, default=str)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("9" * 5000, "9" * 5000),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("1__0", "1__0"),
        ("1_", "1_"),
        ("1e9999", Decimal("1e9999")),
    ],
)
def test_numbers_beyond_reason_are_text(text: str, data: Any) -> None:
    """They ended `mmbot check` in a traceback."""
    assert scalar(text) == data
    assert type(scalar(text)) is type(data)


@pytest.mark.parametrize("text", ["[" * 5000, "- " * 5000 + "x", "{a: " * 5000])
def test_what_is_nested_too_deeply_is_a_problem(text: str) -> None:
    (problem,) = read(text, "x").problems
    assert "nested too deeply" in problem.text


def test_aliases_do_not_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    document = read("\n".join(lines), "x")
    assert "holds more than 100000 values" in document.problems[-1].text
