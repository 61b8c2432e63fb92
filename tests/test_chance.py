"""What is left to chance is marked, and comes from the run's seed in every process."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from hypothesis import core, given
from hypothesis import strategies as st

from tests.often import SEED, TIMES, often, repeated_by


def test_chance_is_a_tests_own_and_the_runs(chance: random.Random, request: pytest.FixtureRequest) -> None:
    again = random.Random(f"{SEED} {request.node.nodeid}")
    assert [chance.random() for _ in range(3)] == [again.random() for _ in range(3)]
    assert request.node.get_closest_marker("chance")


@often(2)
@given(st.integers())
def test_a_property_is_marked_and_takes_the_runs_seed(request: pytest.FixtureRequest, any_: int) -> None:
    assert request.node.get_closest_marker("chance")
    assert core.global_force_seed == int(request.config.option.hypothesis_seed)


def test_what_is_not_left_to_chance_is_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("chance") is None


def test_a_seed_that_is_stated_is_the_one_that_is_printed() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from tests.often import repeated_by; print(repeated_by())"],
        env=os.environ | {"PULSA_TEST_SEED": "7", "PULSA_TEST_TIMES": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "PULSA_TEST_SEED=7 PULSA_TEST_TIMES=3\n"
    assert repeated_by() == f"PULSA_TEST_SEED={SEED} PULSA_TEST_TIMES={TIMES}"
