"""The ledger's own code, made to fail for some commands: there is no command that does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ledger.application import carrying_out
from ledger.domain.commands import Command
from ledger.domain.kinds import kind_for
from ledger.domain.line.commands import LineCommand

Fails = Callable[[Command], bool]


@contextmanager
def failing(fails: Fails, *, after: Fails = lambda _: False) -> Iterator[Counter[str]]:
    """The code fails for some commands: before they are decided, or `after`. Counts what is decided, by name."""
    decided: Counter[str] = Counter()

    def decide(line: Any, asked: LineCommand) -> None:
        decided[asked.name] += 1
        if fails(asked) and not after(asked):
            raise ZeroDivisionError("the rule divides by nothing")
        kind_for(asked).decide(line, asked)
        if fails(asked):
            raise ZeroDivisionError("the rule divides by nothing, too late")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(carrying_out, "decide", decide)
        yield decided
