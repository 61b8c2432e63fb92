"""A log of several partitions is answered from one set of projections, as if folded; each number from its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given

from ledger.application.ledger import Ledger
from ledger.application.library import environment
from ledger.domain.commands import Command
from ledger.domain.ids import subject_of
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.terms_book import TermsBook
from ledger.store.partition_file import PartitionFactory
from tests.given import BUNDLED, create_log
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, QUICK, Step, commands, steps
from tests.projections.oracle import Oracle
from tests.projections.projected import NOW, asked, log_itself
from tests.projections.test_answers_folded import everything, pairs


def place_of(subject: str) -> int:
    """The partition that it names, or that of the number."""
    _, at_sign, stated = subject.rpartition("@")
    return int(stated) if at_sign else NUMBERS.index(subject_of(subject)) % 2


def play(files: Sequence[Path], played: Sequence[Command]) -> None:
    """Writes a history, each command where its number lies, and what follows from it at once behind it."""
    with ExitStack() as stack:
        ledgers: list[Ledger] = []
        for partition, file in enumerate(files):
            create_log(file)
            env = environment({"SQLITE_DBNAME": str(file)})
            factory = PartitionFactory(env, partition, 2, lambda s, own=partition: place_of(s) == own)  # type: ignore[misc]
            ledger = Ledger(TermsBook([*BUNDLED.values(), QUICK]), factory)
            ledgers.append(stack.enter_context(closing(ledger)))
        waiting = list(reversed(played))
        while waiting:
            command = waiting.pop()
            ledger = ledgers[place_of(command.subject)]
            before = ledger._work.batch
            ledger.execute([command])
            if ledger._work.batch is not before:
                waiting += ledger._work.batch.forwarded


@often(5)
@given(steps(), pairs)
def test_answers_are_those_of_the_fold(history: list[Step], moments: list[tuple[int, int]]) -> None:
    happened = commands(history)
    half = len(happened) // 2
    through = happened[half - 1].at - 1
    closings = [
        CloseThrough(at=through + 1, command_id="close", msisdn=f"log@{p}", through=through, actor="clock")
        for p in (0, 1)
    ]
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{partition}.db" for partition in (0, 1)]
        play(files, [*happened[:half], *closings[: half % 3], *happened[half:]])
        expected = Oracle(files, lambda: NOW, place_of)
        instants = [command.at for command in happened]
        near = [(instants[t % len(instants)], instants[k % len(instants)]) for t, k in moments]
        with asked(*files, of=place_of) as ask:
            for moment in (*moments[:2], *near[:2], (BEGIN - 1, NOW)):
                found, right = everything(ask, *moment), everything(expected, *moment)
                assert found == right
            assert ask.head() == log_itself(files, of=place_of).head()
