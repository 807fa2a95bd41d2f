"""Limits of instructions are read, kept, and broken."""

import sys

import count_per_operation as counting
import pytest

LIMITS = {"save": 1000, "load": 200}


def _counts(**instructions):
    return {name: {"instructions": number} for name, number in instructions.items()}


def test_within_the_limits():
    assert counting.compare(_counts(save=1049, load=191), LIMITS) == ([], [])


def test_too_many_instructions_fail():
    wrong, lower = counting.compare(_counts(save=1051, load=200), LIMITS)
    assert wrong == ["save: 1,051 instructions, limit 1,000"]
    assert lower == []


def test_fewer_are_named():
    wrong, lower = counting.compare(_counts(save=1000, load=150), LIMITS)
    assert wrong == []
    assert lower == ["load: 150 instructions, limit 200"]


def test_operations_and_limits_belong_together():
    wrong, _ = counting.compare(_counts(save=1000, view=1), LIMITS)
    assert wrong == ["load: there is no such operation", "view: there is no such limit"]


def test_limits_are_read(tmp_path):
    file = tmp_path / "limits.txt"
    file.write_text("# how many\nsave 1000  # with a comment\n\nload 200\n")
    assert counting.read_limits(file) == LIMITS


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
