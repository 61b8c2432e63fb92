"""Copies that were made of a person and put somewhere: they are noted first, and go with the person where they lie.

Where one was put may say whose it is: it is encrypted under a key of the vault's own, until it is looked for no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from stat import S_ISREG
from typing import Any, Literal, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, tuple_, update

from ledger.errors import VaultConflict, VaultDamaged
from ledger.vault.chance import Chance
from ledger.vault.fields_gone import FieldsGone
from ledger.vault.master_keys import NONCE_BYTES
from ledger.vault.sealing import Placement, seal, unseal
from ledger.vault.tables import COPIES, ERASED
from ledger.vault.vault import Vault

CopyKind = Literal["access", "bundle"]
"""An archive of all that is kept of a person, for that person; or evidence of a number, in which the id stands."""
Became = Literal["deleted", "gone", "changed", "lost"]
"""What an erasure found: it was deleted; or it was handed over, as nothing, or something else, lies where it was.

It is lost where nobody can say any more where it was put: so it may lie there still.
"""
_KEY = "copies"


class CopyMade(NamedTuple):
    """A copy: of whom, when (UTC microseconds), of what, and the SHA-256 of its file.

    `version` is the last of the customer's events that is in it. `place` is where it was put, while it is looked for
    there; None of what no erasure reaches.
    """

    customer: str
    at: int
    kind: CopyKind
    of: str
    digest: bytes
    version: int | None = None
    place: Path | None = None
    became: Became | None = None


@contextmanager
def noted_first(vault: Vault, copies: Sequence[CopyMade], chance: Chance) -> Iterator[None]:
    """Notes copies that are then made; where that fails, those that lie nowhere are noted no more.

    Raises VaultConflict where a person is erased, or was meanwhile: then what was put lies there no more.
    """
    key = vault.key_for(_KEY)
    with vault.transaction() as connection:
        put = [one.customer for one in copies if one.place is not None]
        for row in connection.execute(select(ERASED).where(ERASED.c.customer.in_(put))):
            raise VaultConflict(f"{row.customer}: the person was erased")
        connection.execute(delete(COPIES).where(_are(copies)))
        for one in copies:
            place = None if one.place is None else _sealed(key, one, one.place, chance)
            connection.execute(insert(COPIES).values(one._asdict() | {"place": place}))
    try:
        yield
    except BaseException:
        nowhere = [one for one in copies if one.place is None or not _lies(one.place, one.digest)]
        with vault.transaction() as connection:
            connection.execute(delete(COPIES).where(_are(nowhere)))
        raise
    with vault.transaction() as connection:
        found = connection.execute(
            select(COPIES.c.customer).where(_are(copies), COPIES.c.became.is_not(None))
        )
        erased = set(found.scalars())
    for one in copies:
        if one.customer in erased and one.place is not None:
            one.place.unlink(missing_ok=True)
            raise VaultConflict(f"{one.customer}: the person was erased meanwhile")


def part_of(place: Path, digest: bytes) -> Path:
    """Where a copy is written, before it is put where it was noted: a name that is of no other file."""
    return place.with_name(f"{place.name}.{digest.hex()[:16]}.part")


def copies_of(vault: Vault, customer: str, most: int | None = 1_000) -> list[CopyMade]:
    """The copies that were made of a person, newest first; `most` None: none is left out."""
    with vault.transaction() as connection:
        rows = connection.execute(
            select(COPIES)
            .where(COPIES.c.customer == customer)
            .order_by(COPIES.c.at.desc(), COPIES.c.digest)
            .limit(most)
        ).all()
    key = vault.key_for(_KEY) if rows else b""
    return [CopyMade(**row._asdict() | {"place": _place(key, row)}) for row in rows]


def erase_copies(vault: Vault, customers: Sequence[str], fields: Sequence[FieldsGone]) -> int:
    """Deletes the copies of customers, and those made of others before fields of theirs went; how many.

    It is noted what became of each; one that cannot be deleted is looked for again the next time.
    """
    if not _wanted(vault, customers, fields):
        return 0
    key, count = vault.key_for(_KEY), 0
    with vault.transaction() as connection:
        for row in connection.execute(
            select(COPIES).where(_reached(customers, fields)).with_for_update()
        ).all():
            place = _place(key, row)
            became: Became | None = "lost" if place is None else _deleted(place, row.digest)
            if became is not None:
                here = update(COPIES).where(_is(row))
                connection.execute(here.values(place=None, became=became))
                count += became == "deleted"
    return count


def left_lying(
    vault: Vault, customers: Sequence[str], fields: Sequence[FieldsGone]
) -> Iterator[tuple[str, Path]]:
    """What `erase_copies` would delete: of whom, and where it lies; writes nothing."""
    rows = _wanted(vault, customers, fields)
    key = vault.key_for(_KEY) if rows else b""
    for row in rows:
        place = _place(key, row)
        if place is not None and _lies(place, row.digest):
            yield row.customer, place


def not_noted(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Which of some rows of copies are not there."""
    asked = [(row["customer"], row["at"], row["digest"]) for row in rows]
    found = connection.execute(
        select(*COPIES.primary_key).where(COPIES.c.customer.in_({customer for customer, _, _ in asked}))
    )
    there = {tuple(row) for row in found}
    return [row for row, one in zip(rows, asked, strict=True) if one not in there]


def _wanted(vault: Vault, customers: Sequence[str], fields: Sequence[FieldsGone]) -> Sequence[Any]:
    with vault.transaction() as connection:
        return connection.execute(select(COPIES).where(_reached(customers, fields))).all()


def _reached(customers: Sequence[str], fields: Sequence[FieldsGone]) -> ColumnElement[bool]:
    """What the rows have in common that are looked for, and that an erasure reaches."""
    older = [and_(COPIES.c.customer == one.customer, COPIES.c.version < one.version) for one in fields]
    return and_(COPIES.c.place.is_not(None), or_(COPIES.c.customer.in_(customers), *older))


def _are(copies: Sequence[CopyMade]) -> ColumnElement[bool]:
    return tuple_(*COPIES.primary_key).in_([(one.customer, one.at, one.digest) for one in copies])


def _is(row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a row of copies
    return and_(*(column == getattr(row, column.name) for column in COPIES.primary_key))


def _sealed(key: bytes, one: CopyMade, place: Path, chance: Chance) -> bytes:
    return seal(AESGCM(key), _placement(one), str(place.absolute()), chance(NONCE_BYTES))


def _place(key: bytes, row: Any) -> Path | None:  # noqa: ANN401 - a row of copies
    """Where one was put; None where it is looked for no more, or was noted under a key that is lost."""
    try:
        return None if row.place is None else Path(unseal(key, _placement(row), row.place))
    except VaultDamaged:
        return None


def _placement(one: Any) -> Placement:  # noqa: ANN401 - a copy, or its row
    return Placement(one.customer, "place", one.at)


def _lies(place: Path, digest: bytes) -> bool:
    try:
        return part_of(place, digest).exists() or _is_as_put(place, digest)
    except OSError:
        return False


def _deleted(place: Path, digest: bytes) -> Became | None:
    """What became of a file; None where it can be neither looked at nor deleted, or a link to it lies there."""
    try:
        part_of(place, digest).unlink(missing_ok=True)  # of whoever was killed while writing
        if not _is_as_put(place, digest):
            return "changed"
        if place.is_symlink():
            return None
        place.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return None
    return "deleted"


def _is_as_put(place: Path, digest: bytes) -> bool:
    """Whether a file is what was put there; what is no file is not, and is not read. Raises OSError."""
    if not S_ISREG(place.stat().st_mode):
        return False
    with place.open("rb") as file:
        return file_digest(file, "sha256").digest() == digest
