"""Who keeps what of a person: each by the name of its row in `docs/personal-data.md`, and what an erasure does there.

Some are told once the log says that a person, or some fields of one, are erased: the vault last of all, because it
notes how far that is carried out. Whoever is stopped half way is told again, so what each does may be done twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.vault.copies_made import erase_copies, left_lying
from ledger.vault.fields_gone import FieldsGone
from ledger.vault.inventory import kept_of, still_kept
from ledger.vault.vault import Vault
from ledger.wiring.composition import Opened
from ledger.wiring.evidence_over import FILES_OF_STATEMENTS, erase_evidence, evidence_left

Way = Literal["told", "follows", "expires", "others", "nobody"]
"""What comes of an erasure: the keeper is told, and erases; it follows the log by itself; its copies end by their own
time; others have them, and what was given out is recorded; or nothing of who a person is gets there."""


class Gone(NamedTuple):
    """What a partition of the log tells of erasures, through an ordinal of it: persons, each with when, and fields.

    Persons are named as the vault names them, instants are UTC microseconds. There are so few that one transaction
    takes them (`BATCH` of `ledger.vault.inventory`).
    """

    partition: int
    through: int
    persons: Sequence[tuple[str, int]]
    fields: Sequence[FieldsGone]


class CopyKeeper(NamedTuple):
    """Who may keep something of a person; `name` and `reached` are the first and last words of its row."""

    name: str
    way: Way
    reached: str
    """What an erasure reaches."""
    erase: Callable[[Opened, Vault, Gone], int] | None = None
    """Erases what is kept of persons and fields; how many copies it reached. Again, or of nobody, it changes nothing.

    What it could not reach it does not raise: `left` tells of it, and it is tried again by every sweep.
    """
    left: Callable[[Opened, Vault, Gone], Iterator[str]] | None = None
    """What is kept still that should be gone: of whom, and what; writes nothing."""


def _erase_in_vault(_: Opened, kept: Vault, gone: Gone) -> int:
    return kept.carry_out(gone.partition, gone.through, gone.persons, gone.fields)


def _left_in_vault(_: Opened, kept: Vault, gone: Gone) -> Iterator[str]:
    for customer in still_kept(kept, [customer for customer, _ in gone.persons]):
        yield f"{PREFIX}{customer}"
    for one in gone.fields:
        for field in kept_of(kept, one):
            yield f"{PREFIX}{one.customer}, {field}"


def _erase_archives(_: Opened, kept: Vault, gone: Gone) -> int:
    return erase_copies(kept, [customer for customer, _ in gone.persons], gone.fields)


def _left_of_archives(_: Opened, kept: Vault, gone: Gone) -> Iterator[str]:
    for customer, place in left_lying(kept, [customer for customer, _ in gone.persons], gone.fields):
        yield f"{PREFIX}{customer}, {place}"


def _erase_files(opened: Opened, _: Vault, gone: Gone) -> int:
    return erase_evidence(opened, [customer for customer, _ in gone.persons])


def _left_of_files(opened: Opened, _: Vault, gone: Gone) -> Iterator[str]:
    return evidence_left(opened, [customer for customer, _ in gone.persons])


EVIDENCE = CopyKeeper(
    "evidence of disputes",
    "told",
    "the file, unless something else names it that is not over: evidence of somebody else, a statement, rules of a run",
    _erase_files,
    _left_of_files,
)
ARCHIVES = CopyKeeper(
    "archives of access",
    "told",
    "one that lies unchanged where it was put, seen from where the erasure is carried out, is deleted; any other was"
    " handed over, and that it was made stays noted",
    _erase_archives,
    _left_of_archives,
)
"""Those made before fields of a person went go with these fields."""
BACKUPS = CopyKeeper(
    "backups of the vault",
    "expires",
    "nothing by itself: one that is put back carries out the log's erasures before anybody is shown",
)
"""They end with the key of their month."""
THE_VAULT = CopyKeeper(
    "the vault",
    "told",
    "the key, the values and what was written for which command; who has read stays, by the customer's id",
    _erase_in_vault,
    _left_in_vault,
)
"""It counts persons; told of nobody it notes how far the log was read."""
KEEPERS: Sequence[CopyKeeper] = (
    CopyKeeper("the log", "nobody", "nothing: it is the record. The customer's id points to nobody any more"),
    CopyKeeper(
        "commands on Kafka",
        "expires",
        "nothing by itself: it goes with all commands that are as old",
    ),
    CopyKeeper("copies of the log", "nobody", "nothing: they have what the log has"),
    CopyKeeper("projections", "follows", "what a person agrees to and asks for, once they have read so far"),
    CopyKeeper(
        "the topic ledger.preferences", "follows", "the record, by its tombstone, once it is compacted"
    ),
    CopyKeeper("exports", "nobody", "nothing"),
    CopyKeeper(
        FILES_OF_STATEMENTS,
        "expires",
        "nothing by itself: a file holds many persons, and goes whole by its time",
    ),
    EVIDENCE,
    ARCHIVES,
    CopyKeeper("bills and bundles", "others", "nothing: they were given out"),
    CopyKeeper("disclosures", "others", "nothing: the log says to whom, on what ground, by whose approval"),
    CopyKeeper("files that are ingested", "others", "nothing: they are the sender's"),
    CopyKeeper("outcomes of ingest", "nobody", "nothing"),
    CopyKeeper("log lines and metrics", "nobody", "nothing"),
    BACKUPS,
    THE_VAULT,
)
"""All of them, in the order in which they are told, the vault last.

That of projections is their fold: `Preferences` and `Privacy` in `projections/persons` say what `PersonErased` does.
"""
Reached = Counter[str]
"""How many copies were reached at once, by the names of those who keep them."""
