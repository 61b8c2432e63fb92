"""What the rules' tests see in memory is what a log records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given

from tests.given import Story
from tests.often import often
from tests.projections.histories import QUICK, Step, commands, steps


@often(15)
@given(steps())
def test_a_history_in_memory_is_the_history_on_a_log(history: Sequence[Step]) -> None:
    with TemporaryDirectory() as folder:
        in_memory, on_log = Story(None, QUICK), Story(Path(folder), QUICK)
        for command in commands(history):
            one, other = in_memory.say(command).outcome, on_log.say(command).outcome
            assert one._replace(ordinal=0) == other._replace(ordinal=0)
            assert in_memory.new == on_log.new
        on_log.close()
