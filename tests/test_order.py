"""The order in which files of tests are handed out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.order import LONGEST_FIRST, place

_TESTS = Path(__file__).parent


def test_what_takes_long_is_there_and_named_once() -> None:
    assert [name for name in LONGEST_FIRST if not (_TESTS / name).exists()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)


def test_whatever_is_not_named_comes_after_what_is() -> None:
    assert place(_TESTS / LONGEST_FIRST[-1]) < place(Path(__file__))


def test_this_run_is_in_that_order(request: pytest.FixtureRequest) -> None:
    places = [place(item.path) for item in request.session.items]
    assert places == sorted(places)
