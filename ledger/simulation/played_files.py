"""A played population as files: the first starter packs as CSV, then a compressed file of JSON Lines for each month."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain, groupby
from pathlib import Path

from ledger.domain.calendar import parse_instant, zone
from ledger.simulation.faults import lines
from ledger.simulation.feed import CommandRow
from ledger.simulation.population import commands
from ledger.whole_files import written_whole

_LOCAL = zone("Asia/Jakarta")
_PACKS = "00-starter-packs.csv.gz"
_COLUMNS = ("command", "command_id", "at", "msisdn", "terms", "printed_credit", "valid_until")


def simulate(  # noqa: PLR0913 - who there is, for how long, and where it goes
    subscribers: int, months: int, seed: int, out: Path, *, contracts: int = 0, registered: int = 0
) -> list[Path]:
    """Writes a played population into a folder, which is made where it is missing.

    Returns the files in the order in which they are to be taken in. The same arguments give the same bytes.
    """
    return write(commands(subscribers, months, seed, contracts=contracts, registered=registered), seed, out)


def write(records: Iterator[CommandRow], seed: int, out: Path) -> list[Path]:
    """Writes commands, with the faults of a real feed among them."""
    out.mkdir(parents=True, exist_ok=True)
    packs: list[CommandRow] = []
    rest: Iterator[CommandRow] = iter(())
    for record in records:
        if record["command"] != "IssueStarterPack":
            rest = chain([record], records)
            break
        packs.append(record)
    return [_write_packs(out / _PACKS, packs), *_write_months(rest, seed, out)]


def _write_packs(path: Path, packs: list[CommandRow]) -> Path:
    with _compressed(path) as file, TextIOWrapper(file, "ascii", newline="") as text:
        rows = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        rows.writeheader()
        rows.writerows(packs)
    return path


def _write_months(records: Iterator[CommandRow], seed: int, out: Path) -> Iterator[Path]:
    by_month = groupby(lines(records, seed), key=lambda pair: _month(pair[0]))
    for number, (month, of_month) in enumerate(by_month, 1):
        path = out / f"{number:02d}-{month}.jsonl.gz"
        with _compressed(path) as file:
            for _, written in of_month:
                file.writelines(line + b"\n" for line in written)
        yield path


def _month(record: CommandRow) -> str:
    return _LOCAL.local(parse_instant(record["at"])).strftime("%Y-%m")


@contextmanager
def _compressed(path: Path) -> Iterator[gzip.GzipFile]:
    """A gzip file that says neither its name nor when it was written, and is there whole or not at all."""
    with (
        written_whole(path, over=True, mode=0o666) as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as file,
    ):
        yield file
