"""What verbs print with `--json` of persons and of the vault, that no class of the code says by its fields alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ledger.domain.calendar import Instant
from ledger.vault.copies_made import Became, CopyKind
from ledger.wiring.copy_keepers import Way
from ledger.wiring.exposed import Exposed
from ledger.wiring.looking_after_the_vault import VaultFinding


class ReadingTold(TypedDict):
    """Somebody has read of a person."""

    at: Instant
    reader: str
    customer: str
    fields: list[str]
    reason: str


class CopyTold(TypedDict):
    """A copy of a person that was made: where it is looked for still, and what an erasure found of it."""

    at: Instant
    kind: CopyKind
    of: str
    digest: str
    file: str | None
    became: Became | None


class CopyKeeperTold(TypedDict):
    """Who keeps something of a person, and what an erasure does there."""

    keeper: str
    way: Way
    reached: str


class TopicBegins(TypedDict):
    """From which offset a partition of a topic on Kafka begins: commands before it are answered, and deleted."""

    topic: str
    partition: int
    offset: int


class VaultSwept(TypedDict):
    """What was swept: persons erased late, writings without an event, keys without values, months' keys destroyed."""

    erased: int
    reached: dict[str, int]
    writings: int
    keys: int
    months: list[str]
    topics: list[TopicBegins]


class ArchiveTold(TypedDict):
    """What is kept about a person, put into a file; the request that it answers."""

    file: str
    digest: str
    request: str | None
    dry_run: NotRequired[bool]


class VaultBackedUp(TypedDict):
    """A backup of the vault, made at an instant in microseconds, and the months whose keys were destroyed."""

    persons: int
    month: str
    at: int
    digest: str
    destroyed: list[str]


class VaultRestored(TypedDict):
    """A vault that was put back: its persons, and how many of them were erased since, and again."""

    persons: int
    erased: int
    month: str
    digest: str


OF_PERSONS: Mapping[str, Any] = {
    "archive": ArchiveTold,
    "copies": CopyTold,
    "copy-keepers": CopyKeeperTold,
    "exposed": Exposed,
    "person": dict[str, str],
    "readings": ReadingTold,
    "vault-backup": VaultBackedUp,
    "vault-findings": VaultFinding,
    "vault-restored": VaultRestored,
    "vault-swept": VaultSwept,
}
"""What an answer is, by the name of its schema, or a line of one that has many."""
