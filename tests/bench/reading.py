"""How fast the whole log is read and folded."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from ledger.domain.line.line import Line
from ledger.store.reading import SqliteReader
from tests.bench import population as p
from tests.bench.report import Figure, paired


def fold(folder: Path, runs: int, count: int) -> list[Figure]:
    """Every event decoded and applied to its account, against reading the same rows."""
    file = folder / "fold.db"
    with p.new_ledger(folder, "fold") as ledger:
        p.open_accounts(ledger, 1000)
        p.execute(ledger, [p.usage(index, 1000) for index in range(count)])

    def folded() -> float:
        lines: dict[str, Line] = {}
        events = 0
        begin = time.perf_counter()
        with SqliteReader(file).snapshot() as log:
            book = log.book
            for recorded in log.events():
                events += 1
                account = recorded.event.account
                if account.startswith(("log@", "terms/")):
                    continue
                msisdn = account.partition("#")[0]
                line = lines.get(msisdn)
                if line is None:
                    line = lines[msisdn] = Line(msisdn, book)
                line.take(recorded.event)
        return events / (time.perf_counter() - begin)

    def plain() -> float:
        connection = sqlite3.connect(file)
        begin = time.perf_counter()
        rows = sum(1 for _ in connection.execute("SELECT * FROM stored_events ORDER BY ordinal"))
        seconds = time.perf_counter() - begin
        connection.close()
        return rows / seconds

    return [
        paired(
            "reading and folding the whole log",
            "events/s",
            folded,
            "reading the same rows by sqlite3",
            plain,
            runs=runs,
            at_least="report",
        )
    ]
