"""The movements of a log for other programs: an hledger journal, Parquet, CSV; each with its control sheet.

Ledger accounts are a tree: `customers:<msisdn>:<generation>:credit`, `operator:breakage`; units are commodities. A
movement's day is local: that of the zone of its terms, or of the zone that is asked for. Where ledger accounts are
asked for, the rows of CSV and Parquet are their postings alone, and a journal, which has to balance, has the whole
transactions.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple
from urllib.parse import quote

from ledger.domain.calendar import format_day, format_instant
from ledger.domain.ids import SUSPENSE, names_in, suspense_in
from ledger.domain.money import IDR, PULSA, format_amount
from ledger.domain.terms_book import TermsBook
from projections.engine.reader import LogSnapshot, Recorded
from projections.money.control_sheet import Alias, ControlSheet, ExportTally, control_sheet
from projections.money.selecting import Sample, Selection, sampled, transactions

_ROW_GROUP = 50_000


class Posted(NamedTuple):
    """A posting with its event: amount in sen, instants in UTC microseconds, the local day of its effect."""

    partition: int
    ordinal: int
    line: int
    account: str
    unit: str
    amount: int
    effective_at: int
    recorded_at: int
    type: str
    command_id: str
    terms: str | None
    clause: str | None
    day: str


class Hashed(io.RawIOBase):
    """Writes on, and digests what it wrote."""

    def __init__(self, out: IO[bytes]) -> None:
        super().__init__()
        self._out = out
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, written: Any) -> int:  # noqa: ANN401 - bytes of any kind
        """Writes all of it."""
        self._digest.update(written)
        self._out.write(written)
        return len(written)

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hexadecimal."""
        return self._digest.hexdigest()


Logs = Sequence[LogSnapshot]


def export(  # noqa: PLR0913 - what is wanted, and where it goes
    format_: str,
    logs: Logs,
    selected: Selection,
    out: IO[bytes],
    *,
    sample: Sample | None = None,
    alias: Alias = str,
) -> ControlSheet:
    """Writes what is wanted of a log's partitions as `hledger`, `csv` or `parquet`; returns its control sheet.

    `alias` is what ids are written as, in the file and on the sheet.
    """
    population = None
    if sample is not None:
        selected, population = sampled(logs, selected, sample)
    tally, hashed = ExportTally(selected, alias), Hashed(out)
    FORMATS[format_](logs, tally, hashed)
    heads = {log.partition: log.head for log in logs}
    return control_sheet(format_, hashed.digest, tally, heads, sample, population)


def _postings(logs: Logs, tally: ExportTally) -> Iterator[Posted]:
    """Every posting that is wanted, partition by partition, in order."""
    selected = tally.selected
    for log, found in transactions(logs, selected):
        event = found.event
        tally.transaction(log.partition, found.ordinal)
        day = format_day(selected.day(event, log.book))
        command_id = tally.alias(event.command_id)
        for line, posting in enumerate(event.postings):
            if not selected.names(posting):
                continue
            tally.posting(posting)
            yield Posted(
                log.partition,
                found.ordinal,
                line,
                tally.alias(posting["account"]),
                posting["unit"],
                posting["amount"],
                event.effective_at,
                event.recorded_at,
                event.TOPIC,
                command_id,
                event.terms,
                event.clause,
                day,
            )


# --- hledger --------------------------------------------------------------------------------------------------------


def _hledger(logs: Logs, tally: ExportTally, out: Hashed) -> None:
    """A journal that hledger reads."""
    text = _text(out)
    text.write(f"; days: {', '.join(tally.selected.zones)}\n")
    for unit in (PULSA, IDR):
        text.write(f"commodity 1000.00 {unit}\n")
    text.write("\n")
    declared: set[str] = set()
    for log, found in transactions(logs, tally.selected):
        tally.transaction(log.partition, found.ordinal)
        for posting in found.event.postings:
            tally.posting(posting)
        _transaction(log.partition, found, tally, log.book, declared, text)
    text.flush()
    text.detach()


def _transaction(  # noqa: PLR0913 - an event, its day, and where it goes
    partition: int,
    found: Recorded,
    tally: ExportTally,
    book: TermsBook,
    declared: set[str],
    out: IO[str],
) -> None:
    event = found.event
    names = [tally.alias(tree_name(posting["account"])) for posting in event.postings]
    for name in names:
        if name not in declared:
            declared.add(name)
            out.write(f"account {name}\n")
    subject = tally.alias(":".join(names_in(event.account)))
    out.write(
        f"{format_day(tally.selected.day(event, book))} ({partition}:{found.ordinal}) {event.name} {subject}"
        f"  ; effective_at={format_instant(event.effective_at)}"
        f" recorded_at={format_instant(event.recorded_at)}\n"
    )
    for name, posting in zip(names, event.postings, strict=True):
        out.write(f"    {name}  {_decimal(posting['amount'])} {posting['unit']}\n")
    out.write("\n")


def tree_name(account: str) -> str:
    """A ledger account as hledger names it: levels parted by colons."""
    lying = suspense_in(account)
    if lying is not None:
        return ":".join((SUSPENSE, lying[0], quote(lying[1], safe="")))
    names = names_in(account)
    return ":".join(names if names[0] == "operator" else ["customers", *names])


def _decimal(amount: int) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


# --- CSV ------------------------------------------------------------------------------------------------------------


def _csv(logs: Logs, tally: ExportTally, out: Hashed) -> None:
    """A line for each posting, below a header; amounts as decimals, instants by RFC 3339."""
    text = _text(out)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Posted._fields)
    for one in _postings(logs, tally):
        shown = one._replace(
            amount=format_amount(one.amount),  # type: ignore[arg-type]
            effective_at=format_instant(one.effective_at),  # type: ignore[arg-type]
            recorded_at=format_instant(one.recorded_at),  # type: ignore[arg-type]
        )
        writer.writerow(shown)
    text.flush()
    text.detach()


def _text(out: Hashed) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(out, 1 << 16), encoding="utf-8", newline="")


# --- Parquet --------------------------------------------------------------------------------------------------------


def _parquet(logs: Logs, tally: ExportTally, out: Hashed) -> None:
    """A row for each posting: amounts in sen, instants as timestamps in UTC."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    instant = pa.timestamp("us", tz="UTC")
    kinds: dict[str, Any] = {
        "partition": pa.int32(),
        "ordinal": pa.int64(),
        "line": pa.int32(),
        "amount": pa.int64(),
        "effective_at": instant,
        "recorded_at": instant,
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in Posted._fields])
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        rows: list[Posted] = []
        for one in _postings(logs, tally):
            rows.append(one)
            if len(rows) == _ROW_GROUP:
                writer.write_table(_table(pa, schema, rows))
                rows = []
        writer.write_table(_table(pa, schema, rows))


def _table(pa: Any, schema: Any, rows: list[Posted]) -> Any:  # noqa: ANN401 - pyarrow has no types
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [() for _ in schema]
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


FORMATS: dict[str, Callable[[Logs, ExportTally, Hashed], None]] = {
    "hledger": _hledger,
    "csv": _csv,
    "parquet": _parquet,
}
"""What writes each format."""
