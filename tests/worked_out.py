"""What a process works out of the schemas before it reads or writes: whoever is forked from one that has need not."""

from __future__ import annotations

from ledger.store.schemas import FOLDERS, every

for _schema in (schema for folder in FOLDERS for schema in every(folder)):
    _ = _schema.fingerprint, _schema.parsed, _schema.encode
