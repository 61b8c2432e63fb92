"""The golden commands, played on a log; and the figures that are kept of a log beside it.

`python -m tests.golden.playing` makes the golden log of the format that this release writes, where there is none.
"""

from __future__ import annotations

import json
import lzma
import sqlite3
from collections import Counter
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.audit.verification import verify
from ledger.domain.calendar import parse_instant
from ledger.domain.commands import Command
from ledger.domain.partition.commands import CloseThrough
from ledger.entrypoints.forms import CommandReader
from ledger.release import RELEASE
from ledger.store.layout import FORMAT
from tests.entrypoints.pulsa import Pulsa
from tests.given import ledger_on

HERE = Path(__file__).parent
PRINCIPAL = "os:golden(1000)@somewhere"
TOGETHER = 20
"""Commands of a transaction."""
TABLES = {"stored_events": "ordinal", "journal": "entry", "seals": "seal"}
"""What was written, for good, and its order."""
MOMENTS = ("2023-07-03T18:00:00+07:00", "2025-01-03T12:00:00+07:00", "2026-01-03T00:00:00+07:00")
"""The instants of which figures are kept: the first day, before the accounts end, and after."""


def commands() -> list[Command]:
    """The commands in order; a line that `closes` an instant closes the log through it."""
    reader = CommandReader(played=True, now=None, cards=str)
    found: list[Command] = []
    for line in (HERE / "commands.jsonl").read_bytes().splitlines():
        closes = json.loads(line).get("closes")
        found.append(reader.from_json(line) if closes is None else closing_through(closes))
    return found


def closing_through(instant: str) -> CloseThrough:
    """What the clock says to close the log."""
    through = parse_instant(instant)
    return CloseThrough(
        at=through, command_id=f"close-{instant[:10]}", actor="clock", msisdn="log@0", through=through
    )


def play(log: Path, *, principal: str | None = PRINCIPAL) -> Counter[str]:
    """Plays them all on a new log, and counts how they were answered."""
    answered: Counter[str] = Counter()
    played = commands()
    with ledger_on(log) as ledger:
        for start in range(0, len(played), TOGETHER):
            outcomes = ledger.execute(played[start : start + TOGETHER], principal=principal)
            answered.update(f"{outcome.status} {outcome.code}" for outcome in outcomes)
    return answered


def rows(log: Path, table: str) -> list[tuple[Any, ...]]:
    """What a table holds."""
    with closing(sqlite3.connect(f"{log.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY {TABLES[table]}").fetchall()


def figures(log: Path) -> dict[str, Any]:
    """What is kept of a log: what its tables hold, its last seal, and what is answered about each of the moments."""
    pulsa = Pulsa(log.parent, PULSA_LOG=str(log), PULSA_NOW=MOMENTS[-1])
    report = verify(log)
    assert report.clean, report.findings
    return {
        "rows": {table: _digest(rows(log, table)) for table in TABLES},
        "seal": report.seal.hex(),
        "moments": [
            {
                "as_of": moment,
                "enquiries": pulsa.json("enquiry", "--all", "--as-of", moment),
                "trial_balance": pulsa.json("report", "trial-balance", "--as-of", moment)[0],
            }
            for moment in MOMENTS
        ],
    }


def _digest(found: list[tuple[Any, ...]]) -> dict[str, object]:
    return {"rows": len(found), "sha256": sha256("\n".join(map(repr, found)).encode()).hexdigest()}


def kept_log(number: int, folder: Path) -> Path:
    """The golden log of a format, laid out in a folder."""
    log = folder / f"format-{number}.db"
    log.write_bytes(lzma.decompress((HERE / f"format-{number}.db.xz").read_bytes()))
    return log


def kept_figures(number: int) -> dict[str, Any]:
    """The figures that were kept of it, by the release that made it."""
    found: dict[str, Any] = json.loads((HERE / f"format-{number}.json").read_text("utf-8"))
    return found


def make() -> None:
    """Makes the golden log of this release's format, and its figures. Raises FileExistsError where there is one."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "golden.db"
        answered = play(log)
        with (HERE / f"format-{FORMAT}.db.xz").open("xb") as file:
            file.write(lzma.compress(log.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        kept = {"made_by": RELEASE, "outcomes": answered, **figures(log)}
        (HERE / f"format-{FORMAT}.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    make()
