"""Where a person is planted and searched for afterwards, by who keeps copies: in which files, or in which test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

PERSON = {
    "name": "Bagaskara Quetzalcoatl",
    "identity-number": "3273010101900001",
    "email": "b.quetzalcoatl@example.net",
    "address": "Jalan Xochimilco 77, Bandung",
    "bank-account": "9988776655443322",
}
RECEIPT = f"{PERSON['name']} <{PERSON['email']}>".encode()
"""What is attached to a dispute."""
IN_FILES: Mapping[str, Sequence[str]] = {
    "the log": ["pulsa.db", "pulsa.db-*"],
    "copies of the log": ["log.bak", "copy/*", "renamed.db"],
    "projections": ["pulsa.db.views.db*"],
    "exports": ["before.*", "after.*", "renamed.csv*"],
    "evidence of disputes": [f"pulsa.db.evidence/{sha256(RECEIPT).hexdigest()}"],
    "files of statements": ["pulsa.db.evidence/*"],
    "archives of access": [f"{PERSON['name']}.zip"],
    "bills and bundles": ["evidence-*.zip"],
    "files that are ingested": ["in.jsonl"],
    "outcomes of ingest": ["outcomes.jsonl"],
    "backups of the vault": ["vault.bak"],
    "the vault": ["pulsa.db.vault.db*"],
}
"""The files of `test_planted_person.py`; of two keepers it is the first."""
IN_TESTS: Mapping[str, str] = {
    "disclosures": "test_planted_person.py: test_a_planted_person_is_nowhere_and_nothing_else_changes",
    "log lines and metrics": "test_kafka_service.py: test_serve_decides_ticks_counts_and_logs_without_persons",
    "commands on Kafka": "test_persons_on_kafka.py: test_persons_are_erased_while_all_happens_at_once"
    "_and_nothing_of_them_is_in_any_topic",
    "the topic ledger.preferences": "test_persons_on_kafka.py: test_persons_are_erased_while_all_happens_at_once"
    "_and_nothing_of_them_is_in_any_topic",
}
"""Whose copies are no files: the test that plants a person there."""
NOBODYS = ["keys/*", "*.key", "*.lock", "pulsa.db.checkpoints/*", "pulsa.db.evidence.key"]
"""Keys, and what was signed: digests alone."""


def kept_by(folder: Path) -> dict[str, list[Path]]:
    """The files in a folder by who keeps them; one that nobody does is kept by ''."""
    found: dict[str, list[Path]] = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        if not _is_of(name, NOBODYS):
            keeper = next((one for one, globs in IN_FILES.items() if _is_of(name, globs)), "")
            found.setdefault(keeper, []).append(path)
    return found


def _is_of(name: str, globs: Collection[str]) -> bool:
    return any(fnmatch(name, one) for one in globs)
