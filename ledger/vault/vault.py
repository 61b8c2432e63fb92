"""Values go in, are shown with a reason, and are forgotten with the person's key (PS-01, PS-02, PM-03, PM-06)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, delete, func, insert, select, true, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from ledger.errors import VaultConflict, VaultDamaged, VaultKeyWrong
from ledger.vault.as_told import must_be_as_told, must_be_erased
from ledger.vault.chance import Chance
from ledger.vault.fields_gone import FieldsGone, are_of
from ledger.vault.keys_held import hold_keys, must_be_master, probe_of
from ledger.vault.master_keys import KEY_BYTES, NONCE_BYTES, Wrapping
from ledger.vault.sealing import Placement, keyed_digest, seal_all, unseal
from ledger.vault.tables import (
    CARRIED,
    ERASED,
    OWN_KEYS,
    PERSONS,
    READINGS,
    VALUES,
    VAULT,
    WRITINGS,
    Transactions,
    insert_many,
    unreachable,
)

FORMAT = 1
"""Of the tables."""
MOST_FIELDS = 20
"""Fields of one writing."""
MOST_VERSIONS = 1_000
"""Versions of one field."""
_ATTEMPTS = 5
_WRITTEN_AGAIN = (
    update(WRITINGS)
    .where(WRITINGS.c.customer == bindparam("whose"), WRITINGS.c.command_id == bindparam("what_for"))
    .where(WRITINGS.c.written_at < bindparam("now"))
    .values(written_at=bindparam("now"))
)
"""When it was written last, so that nobody sweeps what is about to be sent again."""
_T = TypeVar("_T")


class Writing(NamedTuple):
    """Values of a customer's fields, for which command, and when (UTC microseconds)."""

    customer: str
    command_id: str
    values: Mapping[str, str]
    at: int


class Reading(NamedTuple):
    """Somebody has read of a person, at an instant in UTC microseconds."""

    at: int
    reader: str
    customer: str
    fields: tuple[str, ...]
    reason: str


class Vault:
    """A vault in a database, by a master key. `chance` is where keys and nonces come from."""

    def __init__(self, engine: Transactions, master: Wrapping, chance: Chance) -> None:
        """Opens it, or makes it where the tables are empty. Raises VaultKeyWrong where another master key wraps."""
        self._engine, self.master, self._chance = engine, master, chance
        self.committed(self._open)

    def _open(self, vault: Connection) -> None:
        row = vault.execute(select(VAULT)).one_or_none()
        if row is None:
            probe = probe_of(self.master, self._chance)
            vault.execute(insert(VAULT).values(id=1, format=FORMAT, master=self.master.id, probe=probe))
        elif row.format != FORMAT:
            raise VaultDamaged(f"the vault is of format {row.format}, and this release knows {FORMAT}")
        elif row.master != self.master.id:
            raise VaultKeyWrong(f"the vault's master key is {row.master}, and this one is {self.master.id}")
        else:
            self.master.unwrap(row.probe, b"vault")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction of the vault's database. Raises VaultUnreachable."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise unreachable(error) from error

    def committed(self, work: Callable[[Connection], _T]) -> _T:
        """What is done in one transaction; once more where somebody else has written the same meanwhile.

        Raises VaultUnreachable, VaultConflict where others go on writing the same.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self.transaction() as vault:
                    return work(vault)
            except IntegrityError:  # somebody else's was first
                continue
        raise VaultConflict("others write the same into the vault")

    # --- in ---------------------------------------------------------------------------------------------------------

    def write(self, customer: str, command_id: str, values: Mapping[str, str], at: int) -> bytes:
        """Keeps values of a customer's fields for a command, before the command is sent; the same again is the same.

        Returns the digest of the values that the log is told. Raises VaultConflict where other values were written for
        that command, or the person was erased.
        """
        return self.write_all([Writing(customer, command_id, values, at)])[0]

    def write_all(self, writings: Sequence[Writing]) -> list[bytes]:
        """Keeps the values of several in one transaction, or nothing of them (500 at most); the digests of each.

        Raises VaultConflict.
        """
        for one in writings:
            if not 0 < len(one.values) <= MOST_FIELDS:
                raise VaultConflict(f"{one.customer}: between 1 and {MOST_FIELDS} fields are written at once")
        return self.committed(lambda vault: self._write(vault, writings))

    def _write(self, vault: Connection, writings: Sequence[Writing]) -> list[bytes]:
        keys, known_customers = self._keys_to_write(vault, sorted({one.customer for one in writings}))
        digests = self._digests(vault, [one for one in writings if one.customer in known_customers])
        first = {one.customer for one in writings if (one.customer, one.command_id) not in digests}
        known = self._last_versions(vault, first & known_customers)
        new: list[tuple[Any, ...]] = []
        again: list[Writing] = []
        rows: list[tuple[Any, ...]] = []
        written: list[bytes] = []
        for one in writings:
            customer, command_id, key = one.customer, one.command_id, keys[one.customer]
            digest = keyed_digest(key, one.values)
            written.append(digest)
            named_as = (customer, command_id)
            if named_as in digests:
                if digests[named_as] != digest:
                    raise VaultConflict(f"{customer}: other values were written for {command_id}")
                again.append(one)
                continue
            digests[named_as] = digest
            last = known.setdefault(customer, {})
            versions = {field: last.get(field, 0) + 1 for field in one.values}
            if max(versions.values()) > MOST_VERSIONS:
                raise VaultConflict(f"{customer}: a field has at most {MOST_VERSIONS} versions")
            last.update(versions)
            new.append((customer, command_id, digest, one.at))
            nonces = self._chance(NONCE_BYTES * len(versions))
            sealed = seal_all(AESGCM(key), customer, one.values, versions, nonces)
            rows += [
                (customer, field, version, command_id, value)
                for (field, version), value in zip(versions.items(), sealed, strict=True)
            ]
        if new:
            insert_many(vault, WRITINGS, new)
            insert_many(vault, VALUES, rows)
        if again:
            vault.execute(
                _WRITTEN_AGAIN,
                [{"whose": one.customer, "what_for": one.command_id, "now": one.at} for one in again],
            )
        return written

    @staticmethod
    def _digests(vault: Connection, writings: Sequence[Writing]) -> dict[tuple[str, str], bytes]:
        """The digests of what was written before, by customer and command."""
        if not writings:
            return {}
        named = [(one.customer, one.command_id) for one in writings]
        before = vault.execute(select(WRITINGS).where(tuple_(*WRITINGS.primary_key).in_(named)))
        return {(row.customer, row.command_id): row.digest for row in before}

    @staticmethod
    def _last_versions(vault: Connection, customers: AbstractSet[str]) -> dict[str, dict[str, int]]:
        """The last version of each field of those customers."""
        versions: dict[str, dict[str, int]] = {}
        if not customers:
            return versions
        last = (
            select(VALUES.c.customer, VALUES.c.field, func.max(VALUES.c.version).label("version"))
            .where(VALUES.c.customer.in_(sorted(customers)))
            .group_by(VALUES.c.customer, VALUES.c.field)
        )
        for row in vault.execute(last):
            versions.setdefault(row.customer, {})[row.field] = row.version
        return versions

    def _keys_to_write(
        self, vault: Connection, customers: Sequence[str]
    ) -> tuple[dict[str, bytes], AbstractSet[str]]:
        """The key of each customer, which is made where there is none, and who had one.

        Raises VaultConflict for one who was erased.
        """
        must_be_master(vault, self.master)
        keys = {
            row.customer: self._unwrapped(row, row.customer.encode()) for row in hold_keys(vault, customers)
        }
        for row in vault.execute(select(ERASED).where(ERASED.c.customer.in_(customers))):
            raise VaultConflict(f"{row.customer}: the person was erased")
        made = {one: self._chance(KEY_BYTES) for one in customers if one not in keys}
        if made:
            wrap, id_ = self.master.wrap, self.master.id
            wrapped = [(one, id_, wrap(key, one.encode(), self._chance)) for one, key in made.items()]
            insert_many(vault, PERSONS, wrapped)
        return keys | made, keys.keys()

    # --- out --------------------------------------------------------------------------------------------------------

    def show(  # noqa: PLR0913 - who, what, when, by whom and why
        self,
        customer: str,
        fields: Mapping[str, str | None],
        *,
        at: int,
        reader: str,
        reason: str,
        digests: Mapping[str, bytes] | None = None,
    ) -> dict[str, str]:
        """The fields asked for that there are; that they were read is recorded first.

        Each as it was written for a command, or (None) as it was written last; what was written for no command (an
        empty id) is not there. `digests` are what the log tells of all the values that were written for a command.
        Raises VaultDamaged where a value was changed, is another's, another command's, or is missing.
        """
        with self.transaction() as vault:
            vault.execute(
                insert(READINGS).values(
                    at=at, reader=reader, customer=customer, fields=",".join(sorted(fields)), reason=reason
                )
            )
        with self.transaction() as vault:
            key = self._key(vault, customer)
            if key is None:
                must_be_erased(vault, customer, fields)
                return {}
            rows = vault.execute(
                select(VALUES)
                .where(VALUES.c.customer == customer, VALUES.c.field.in_(sorted(fields)))
                .order_by(VALUES.c.version)
            )
            last = {row.field: row for row in rows if fields[row.field] in (None, row.command_id)}
            asked = set(fields.values())
            for written_for, digest in (digests or {}).items():
                if written_for in asked:
                    must_be_as_told(vault, key, (customer, written_for), digest)
        for field, command_id in fields.items():
            if command_id and field not in last:
                raise VaultDamaged(f"{customer}: {field}, written for {command_id}, is missing")
        return {
            field: unseal(key, Placement(customer, field, row.version), row.sealed)
            for field, row in sorted(last.items())
        }

    def fields_of(self, customer: str) -> dict[str, int]:
        """The fields that are kept of a customer, each with its last version; no value is read."""
        with self.transaction() as vault:
            rows = vault.execute(
                select(VALUES.c.field, func.max(VALUES.c.version).label("version"))
                .where(VALUES.c.customer == customer)
                .group_by(VALUES.c.field)
                .order_by(VALUES.c.field)
            )
            return {row.field: row.version for row in rows}

    def readings(self, customer: str, most: int | None = 1_000) -> list[Reading]:
        """Who has read of a person, newest first; `most` None: none is left out."""
        with self.transaction() as vault:
            rows = vault.execute(
                select(READINGS)
                .where(READINGS.c.customer == customer)
                .order_by(READINGS.c.n.desc())
                .limit(most)
            )
            return [
                Reading(row.at, row.reader, row.customer, tuple(row.fields.split(",")), row.reason)
                for row in rows
            ]

    def key_for(self, name: str) -> bytes:
        """The vault's own key for something, which is made where there is none. Raises VaultKeyWrong."""
        return self.committed(lambda vault: self._own_key(vault, name))

    def _own_key(self, vault: Connection, name: str) -> bytes:
        about = f"own/{name}".encode()
        row = vault.execute(select(OWN_KEYS).where(OWN_KEYS.c.name == name)).one_or_none()
        if row is not None:
            return self._unwrapped(row, about)
        must_be_master(vault, self.master)
        key = self._chance(KEY_BYTES)
        wrapped = self.master.wrap(key, about, self._chance)
        vault.execute(insert(OWN_KEYS).values(name=name, master=self.master.id, wrapped=wrapped))
        return key

    # --- away -------------------------------------------------------------------------------------------------------

    def erase(self, customer: str, at: int) -> bool:
        """Destroys a person's key and values for good; whether there was anything. Again changes nothing.

        That somebody read of the person stays for the vault's auditors, by the id alone.
        """
        return self.committed(lambda vault: self._erase(vault, customer, at))

    def carry_out(
        self,
        partition: int,
        through: int,
        erased: Sequence[tuple[str, int]],
        gone: Sequence[FieldsGone] = (),
    ) -> int:
        """Erases whom a partition of the log tells of, through an ordinal of it; of how many there was anything.

        `erased` are customers, and when; `gone` are fields of those who stay. In one transaction: stopped half way, it
        is carried out again.
        """

        def carry_out(vault: Connection) -> int:
            for one in gone:
                vault.execute(delete(VALUES).where(are_of(one)))
            count = sum(self._erase(vault, customer, at) for customer, at in sorted(erased))
            here = CARRIED.c.partition == partition
            if vault.execute(update(CARRIED).where(here).values(ordinal=through)).rowcount == 0:
                vault.execute(insert(CARRIED).values(partition=partition, ordinal=through))
            return count

        return self.committed(carry_out)

    def carried_out(self) -> dict[int, int]:
        """Through which ordinal of each partition erasures are carried out; empty where the vault is of no log yet."""
        with self.transaction() as vault:
            return {row.partition: row.ordinal for row in vault.execute(select(CARRIED))}

    @staticmethod
    def _erase(vault: Connection, customer: str, at: int) -> bool:
        if vault.execute(select(ERASED).where(ERASED.c.customer == customer)).first() is None:
            vault.execute(insert(ERASED).values(customer=customer, erased_at=at))
        gone = 0
        for table in (PERSONS, WRITINGS, VALUES):  # the key first: whoever writes of the person holds its row
            gone += vault.execute(delete(table).where(table.c.customer == customer)).rowcount
        return gone > 0

    def withdraw(self, customer: str, command_id: str, *, written_at: int | None = None) -> bool:
        """Takes back what was written for a command that brought no event about; whether there was anything.

        With `written_at`, only if it was not written again since then.
        """
        with self.transaction() as vault:
            hold_keys(vault, [customer])  # so nobody writes of the person meanwhile
            return self._withdraw(vault, customer, command_id, written_at)

    def withdraw_all(self, named: Sequence[tuple[str, str]]) -> None:
        """Takes back what was written for several, each a customer and a command, in one transaction (500 at most)."""
        with self.transaction() as vault:
            hold_keys(vault, sorted({customer for customer, _ in named}))
            for customer, command_id in named:
                self._withdraw(vault, customer, command_id)

    @staticmethod
    def _withdraw(vault: Connection, customer: str, command_id: str, written_at: int | None = None) -> bool:
        of_command = (WRITINGS.c.customer == customer) & (WRITINGS.c.command_id == command_id)
        at = true() if written_at is None else WRITINGS.c.written_at == written_at
        if vault.execute(delete(WRITINGS).where(of_command, at)).rowcount == 0:
            return False
        vault.execute(delete(VALUES).where(VALUES.c.customer == customer, VALUES.c.command_id == command_id))
        left = vault.execute(select(VALUES.c.field).where(VALUES.c.customer == customer).limit(1)).first()
        if left is None:
            vault.execute(delete(PERSONS).where(PERSONS.c.customer == customer))
        return True

    def _key(self, vault: Connection, customer: str) -> bytes | None:
        row = vault.execute(select(PERSONS).where(PERSONS.c.customer == customer)).one_or_none()
        return None if row is None else self._unwrapped(row, customer.encode())

    def _unwrapped(self, row: Any, about: bytes) -> bytes:  # noqa: ANN401 - a row with a key
        if row.master != self.master.id:
            raise VaultKeyWrong(
                f"a key of the vault is wrapped by {row.master}, and this is {self.master.id}:"
                " a rotation was not ended"
            )
        return self.master.unwrap(row.wrapped, about)
