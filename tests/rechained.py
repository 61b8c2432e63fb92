"""Digests made anew over what was changed in a log's file: as another release would have written it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ledger.application.journal import NO_CHAIN, event_digest, journal_digest, seal_digest
from ledger.store.checked import ENTRY_COLUMNS


def rechain(path: Path) -> None:
    """Makes every digest of a log what it is to be: of events, of journal entries, and of seals."""
    with closing(sqlite3.connect(path)) as connection:
        digests: dict[str, bytes] = {}
        events = []
        for ordinal, id_, topic, state in connection.execute(
            "SELECT ordinal, originator_id, topic, state FROM stored_events ORDER BY ordinal"
        ).fetchall():
            digests[id_] = event_digest(digests.get(id_, NO_CHAIN), topic, state)
            events.append(digests[id_])
            connection.execute("UPDATE stored_events SET digest=? WHERE ordinal=?", (digests[id_], ordinal))
        chains: dict[str, bytes] = {}
        entries = []
        for *row, entry in connection.execute(
            f"SELECT {ENTRY_COLUMNS}, entry FROM journal ORDER BY entry"
        ).fetchall():
            chains[row[0]] = journal_digest(chains.get(row[0], NO_CHAIN), row)
            entries.append(chains[row[0]])
            connection.execute("UPDATE journal SET chain=? WHERE entry=?", (chains[row[0]], entry))
        for subject, chain in chains.items():
            connection.execute("UPDATE numbers SET chain=? WHERE msisdn=?", (chain, subject))
        before, sealed = NO_CHAIN, (0, 0)
        for seal, last, entry in connection.execute(
            "SELECT seal, events, entries FROM seals ORDER BY seal"
        ).fetchall():
            before = seal_digest(before, events[sealed[0] : last], entries[sealed[1] : entry])
            connection.execute("UPDATE seals SET digest=? WHERE seal=?", (before, seal))
            sealed = (last, entry)
        connection.commit()
