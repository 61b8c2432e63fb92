"""Files of commands into the ledger, in batches: every line gets its outcome, and a bad one spoils nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED, UNKNOWN, Outcome
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_breaches import RecordBreach
from ledger.domain.refusals import Invalid
from ledger.entrypoints.file_lines import InputFile, opened
from ledger.entrypoints.forms import CommandReader
from ledger.entrypoints.rows import BadLine, GoodLine, InputFormat, rows
from ledger.errors import LedgerError, VaultConflict
from ledger.wiring.composition import Taker
from ledger.wiring.registering import Registrar

BATCH = 1000
"""Commands that are written at once."""
BATCH_ON_KAFKA = 20_000
"""Commands that are sent before the next are read: a client keeps thousands of them under way."""

OutcomeTaker = Callable[[dict[str, Any]], None]
"""Takes the JSON form of each outcome."""


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    accepted: int = 0
    repeated: int = 0
    unknown: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Lines with an outcome."""
        return self.accepted + self.repeated + self.unknown + self.refused.total()

    @property
    def invalid(self) -> int:
        """Lines that were no commands."""
        return self.refused[Invalid.code]

    def count(self, outcome: Outcome) -> None:
        """Takes an outcome in; a repeat counts as that, whatever the first answer was."""
        if outcome.status == ACCEPTED:
            self.accepted += 1
        elif outcome.status == REPEATED:
            self.repeated += 1
        elif outcome.status == UNKNOWN:
            self.unknown += 1
        else:
            self.refused[outcome.code or ""] += 1


class Fault(NamedTuple):
    """A line that was refused as invalid, and all that is wrong with it."""

    file: str
    line: int
    faults: Sequence[str]


def _as_stated(command: RecordBreach, stated: bool) -> RecordBreach:
    if not stated:
        raise Invalid("persons: is missing")
    return command


class Ingest:
    """One run over any number of files.

    `principal` is who runs it; `registrar` keeps the values of persons that lines bring; `counted` looks whom the scope
    of a breach's record names, and whether the line says a count; it raises Invalid where these are not as many, or
    nobody can count them; `record` is handed
    every outcome, `faulty` every bad line, `progress` the file and the count after each batch.
    """

    def __init__(
        self,
        ledger: Taker,
        reader: CommandReader,
        *,
        batch: int = BATCH,
        principal: str | None = None,
        registrar: Registrar | None = None,
        counted: Callable[[RecordBreach, bool], RecordBreach] = _as_stated,
        record: OutcomeTaker | None = None,
        faulty: Callable[[Fault], None] = lambda _: None,
        progress: Callable[[InputFile, Tally], None] = lambda _, __: None,
    ) -> None:
        self.tally = Tally()
        self.stopping = False
        """Once true, the run ends with KeyboardInterrupt as soon as its batch is written."""
        self.busy = False
        """Whether a batch is being written."""
        self._ledger = ledger
        self._reader = reader
        self._batch = batch
        self._principal = principal
        self._registrar = registrar
        self._counted = counted
        self._record = record
        self._faulty = faulty
        self._progress = progress
        self._position = ledger.position

    def run(self, files: Iterable[str], format_: InputFormat = "auto", command: str | None = None) -> Tally:
        """Takes the files in one after the other; `command` is what their lines are, where they do not say it.

        Raises OSError or LedgerError; what was written before stays.
        """
        for name in files:
            with opened(name) as source:
                batch: list[GoodLine | BadLine] = []
                for row in rows(source, self._reader, format_, command):
                    if isinstance(row, GoodLine) and isinstance(row.command, RecordBreach):
                        self._take(source, batch)  # what stands before it counts
                        batch = [self._with_count(row)]
                    else:
                        batch.append(row)
                    if len(batch) == self._batch:
                        self._take(source, batch)
                        batch = []
                self._take(source, batch)
        return self.tally

    def _with_count(self, row: GoodLine) -> GoodLine | BadLine:
        try:
            return row._replace(command=self._counted(cast("RecordBreach", row.command), not row.uncounted))
        except Invalid as refusal:
            return BadLine(row.line, row.command.command_id, refusal)
        except LedgerError as error:  # nobody can count them here
            return BadLine(row.line, row.command.command_id, Invalid(f"persons: {error.code}: {error}"))

    def _take(self, source: InputFile, batch: list[GoodLine | BadLine]) -> None:
        self.busy = True
        batch = self._kept(batch)
        commands = [row.command for row in batch if isinstance(row, GoodLine)]
        outcomes = iter(self._ledger.execute(commands, principal=self._principal))
        brought: list[tuple[Command, Outcome]] = []
        for row in batch:
            if isinstance(row, BadLine):
                self._refuse(source, row)
                continue
            outcome = next(outcomes)
            if row.values is not None:
                brought.append((row.command, outcome))
            self.tally.count(outcome)
            self._position = outcome.position
            if outcome.code == Invalid.code:
                self._faulty(Fault(source.name, row.line, [outcome.message or ""]))
            if self._record is not None:
                place = {"file": source.name, "line": row.line} if outcome.code == Invalid.code else {}
                self._record(outcome.to_json() | place)
        if self._registrar is not None:
            self._registrar.settle(brought)
        self._progress(source, self.tally)
        self.busy = False
        if self.stopping:
            raise KeyboardInterrupt

    def _kept(self, batch: list[GoodLine | BadLine]) -> list[GoodLine | BadLine]:
        """The batch, once the vault keeps what its lines bring: each command with the digest of its values."""
        bringing = [row for row in batch if isinstance(row, GoodLine) and row.values is not None]
        if not bringing or self._registrar is None:
            return batch
        digests = iter(self._registrar.write([(row.command, row.values or {}) for row in bringing]))
        kept: list[GoodLine | BadLine] = []
        for row in batch:
            if isinstance(row, BadLine) or row.values is None:
                kept.append(row)
                continue
            found = next(digests)
            if isinstance(found, VaultConflict):
                kept.append(BadLine(row.line, row.command.command_id, Invalid(f"{found.code}: {found}")))
            else:
                kept.append(row._replace(command=replace(row.command, digest=found.hex())))
        return kept

    def _refuse(self, source: InputFile, bad: BadLine) -> None:
        self.tally.refused[Invalid.code] += 1
        self._faulty(Fault(source.name, bad.line, bad.refusal.faults))
        if self._record is not None:
            self._record(
                {
                    "command_id": bad.command_id,
                    "status": REFUSED,
                    "refusal": {
                        "code": Invalid.code,
                        "message": bad.refusal.message,
                        "faults": list(bad.refusal.faults),
                    },
                    "events": [],
                    "position": self._position,
                    "file": source.name,
                    "line": bad.line,
                }
            )
