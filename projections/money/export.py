"""The movements of a log for other programs: an hledger journal, Parquet, CSV. Every posting is in it once.

What fell due and is not recorded yet is not in it; the clock records it.

Ledger accounts are a tree: `customers:<msisdn>:<generation>:credit`, `operator:breakage`; units are commodities. A
movement's day is that of its effective instant in UTC.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from ledger.domain.calendar import DAY, day_of_number, format_instant
from ledger.domain.kinds import names_in
from ledger.domain.money import IDR, PULSA, format_amount
from ledger.errors import LogDamaged
from projections.engine.reader import LogSnapshot, Recorded

_ROW_GROUP = 50_000


class Posted(NamedTuple):
    """A posting with its event: amount in sen, instants in UTC microseconds."""

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


def postings(logs: Iterable[LogSnapshot]) -> Iterator[Posted]:
    """Every posting, partition by partition, in order."""
    for log in logs:
        for ordinal, event in ((found.ordinal, found.event) for found in _events(log)):
            for line, posting in enumerate(event.postings):
                yield Posted(
                    log.partition,
                    ordinal,
                    line,
                    posting["account"],
                    posting["unit"],
                    posting["amount"],
                    event.effective_at,
                    event.recorded_at,
                    event.TOPIC,
                    event.command_id,
                    event.terms,
                    event.clause,
                )


def _events(log: LogSnapshot) -> Iterator[Recorded]:
    """Every event. Raises LogDamaged where one is missing."""
    for following, found in enumerate(log.events(), 1):
        if found.ordinal != following:
            raise LogDamaged(f"the event at {log.partition}:{following} is missing")
        yield found


def hledger(logs: Iterable[LogSnapshot], out: IO[str]) -> int:
    """Writes a journal that hledger reads; returns the number of transactions."""
    for unit in (PULSA, IDR):
        out.write(f"commodity 1000.00 {unit}\n")
    out.write("\n")
    declared: set[str] = set()
    count = 0
    for log in logs:
        for found in _events(log):
            if found.event.postings:
                count += 1
                _transaction(log.partition, found, declared, out)
    return count


def _transaction(partition: int, found: Recorded, declared: set[str], out: IO[str]) -> None:
    event = found.event
    names = [tree_name(posting["account"]) for posting in event.postings]
    for name in names:
        if name not in declared:
            declared.add(name)
            out.write(f"account {name}\n")
    day = day_of_number(event.effective_at // DAY).isoformat()
    subject = ":".join(names_in(event.account))
    out.write(
        f"{day} ({partition}:{found.ordinal}) {event.name} {subject}"
        f"  ; effective_at={format_instant(event.effective_at)}"
        f" recorded_at={format_instant(event.recorded_at)}\n"
    )
    for name, posting in zip(names, event.postings, strict=True):
        out.write(f"    {name}  {_decimal(posting['amount'])} {posting['unit']}\n")
    out.write("\n")


def tree_name(account: str) -> str:
    """A ledger account as hledger names it: levels parted by colons."""
    names = names_in(account)
    return ":".join(names if names[0] == "operator" else ["customers", *names])


def _decimal(amount: int) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def as_csv(logs: Iterable[LogSnapshot], out: IO[str]) -> int:
    """Writes a line for each posting, below a header; amounts as decimals, instants by RFC 3339."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Posted._fields)
    count = 0
    for one in postings(logs):
        shown = one._replace(
            amount=format_amount(one.amount),  # type: ignore[arg-type]
            effective_at=format_instant(one.effective_at),  # type: ignore[arg-type]
            recorded_at=format_instant(one.recorded_at),  # type: ignore[arg-type]
        )
        writer.writerow(shown)
        count += 1
    return count


def as_parquet(logs: Iterable[LogSnapshot], path: Path) -> int:
    """Writes a row for each posting: amounts in sen, instants as timestamps in UTC."""
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
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        rows: list[Posted] = []
        for one in postings(logs):
            rows.append(one)
            if len(rows) == _ROW_GROUP:
                writer.write_table(_table(pa, schema, rows))
                count += len(rows)
                rows = []
        writer.write_table(_table(pa, schema, rows))
        return count + len(rows)


def _table(pa: Any, schema: Any, rows: list[Posted]) -> Any:  # noqa: ANN401 - pyarrow has no types
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [() for _ in schema]
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


TEXT: dict[str, Callable[[Iterable[LogSnapshot], IO[str]], int]] = {"hledger": hledger, "csv": as_csv}
"""The formats that are text, by name; `parquet` is the third."""
