"""The vault looked after: its master key, backups under their month's key, and what is held against the log."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import must_be_wall_clocks, now_of, wall_clock
from ledger.entrypoints.cli.output import AsJson, counted, folded_on, say, say_folded, say_json

if TYPE_CHECKING:
    from ledger.store.kafka.deleting import Beginning
    from ledger.vault.month_keys import MonthKeys
    from ledger.wiring.composition import Opened
    from ledger.wiring.looking_after_the_vault import Swept
    from ledger.wiring.settings import Settings

KeyOut = Annotated[Path, typer.Argument(metavar="FILE", help="Where it goes; there must be none yet.")]
NewKey = Annotated[
    Path,
    typer.Option("--new-key", metavar="FILE", help="The master key that takes over.", show_default=False),
]
VaultFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", show_default=False)]
Grace = Annotated[
    int,
    typer.Option(
        "--grace-hours",
        metavar="N",
        min=0,
        max=24 * 365,
        help="Hours that the log goes on before values without an event are for nothing.",
    ),
]
AcceptLoss = Annotated[
    bool,
    typer.Option(
        "--accept-loss", help="Go on though the vault is empty and the log knows persons, or the reverse."
    ),
]
OverVault = Annotated[bool, typer.Option("--overwrite", help="Also where persons are in the vault.")]


def new_key(file: KeyOut) -> int:
    """Make a master key for a vault, in a file of its own: keep it neither beside the vault nor in its backups."""
    from ledger.vault.master_keys import new_master_key

    say(new_master_key(secrets.token_bytes(32), file).id)
    return shell.DONE


def rotate(settings: Settings, new_key_: NewKey) -> int:
    """Wrap every person's key by another master key; stopped half way, it goes on when asked again."""
    from ledger.vault.master_keys import master_key_of
    from ledger.vault.rotating import rotate as rotated
    from ledger.wiring.persons import vault

    with vault(settings) as kept:
        count = rotated(kept, master_key_of(new_key_), secrets.token_bytes)
    say(f"{counted(count, 'key')}; from now on PULSA_VAULT_KEY is {new_key_}")
    return shell.DONE


def back_up(opened: Opened, file: VaultFile, as_json: AsJson = False) -> int:
    """Copy the vault into a file, encrypted under this month's key; keys of backups past their time are destroyed."""
    from ledger.vault.vault_backup import back_up as backed_up
    from ledger.wiring.persons import month_keys, serving_vault

    keys, now = month_keys(opened.settings), _now_to_destroy(opened)
    with serving_vault(opened) as kept:
        made = backed_up(kept, keys, file, now, secrets.token_bytes)
    past = keys.destroy_past(now)
    if as_json:
        say_json(made._asdict() | {"destroyed": past})
    else:
        say(f"{file}: {counted(made.persons, 'person')}, under the key of {made.month}")
        for month in past:
            say(f"the key of {month} is destroyed")
    return shell.DONE


def restore(opened: Opened, file: VaultFile, overwrite: OverVault = False, as_json: AsJson = False) -> int:
    """Put a backup in place of the vault; whoever was erased since is erased again before anything is shown."""
    from ledger.vault.inventory import persons
    from ledger.vault.tables import engine_of
    from ledger.vault.vault_backup import restore as put_back
    from ledger.wiring.copy_keepers import THE_VAULT
    from ledger.wiring.erasures_carried_out import carry_out_erasures
    from ledger.wiring.persons import master_key, month_keys, must_be_vault_of, own_database, vault

    settings = opened.settings
    master, keys = master_key(settings), month_keys(settings)
    engine = engine_of(own_database(settings))
    try:
        found = put_back(engine, master, keys, file, overwrite=overwrite)
    finally:
        engine.dispose()
    with vault(settings) as kept:
        must_be_vault_of(opened, kept)
        erased = carry_out_erasures(opened, kept)[THE_VAULT.name]
        count = persons(kept)
    if as_json:
        say_json({"persons": count, "erased": erased, "month": found.month, "digest": found.digest})
    else:
        say(f"{counted(count, 'person')}; {counted(erased, 'person')} of the backup erased since, and again")
    return shell.DONE


def adopt(opened: Opened, accept_loss: AcceptLoss = False) -> int:
    """Say that the vault goes on with this log, which was made of the one that it belonged to, by other partitions."""
    from ledger.wiring.copy_keepers import THE_VAULT
    from ledger.wiring.persons import adopt as adopted
    from ledger.wiring.persons import vault

    with vault(opened.settings) as kept:
        erased = adopted(opened, kept, accept_loss=accept_loss)[THE_VAULT.name]
    say(f"the vault is that of this log; {counted(erased, 'person')} of it erased")
    return shell.DONE


def check(opened: Opened, grace_hours: Grace = 24, as_json: AsJson = False) -> int:
    """Hold the vault against the log: what either lacks, who was erased, accounts of nobody, old backups."""
    from ledger.domain.calendar import HOUR
    from ledger.wiring.looking_after_the_vault import looked_through
    from ledger.wiring.persons import must_be_vault_of, vault

    count = 0
    with vault(opened.settings) as kept:
        must_be_vault_of(opened, kept)
        now = now_of(opened.settings)
        for found in looked_through(opened, kept, _keys(opened), now, grace_hours * HOUR):
            count += 1
            if as_json:
                say_json(found._asdict())
            else:
                say(f"{found.kind}: {found.about} ({found.keeper})")
    if not as_json:
        say("clean" if count == 0 else f"{counted(count, 'finding')}")
    return shell.DONE if count == 0 else shell.REFUSED


def sweep(
    opened: Opened, grace_hours: Grace = 24, accept_loss: AcceptLoss = False, as_json: AsJson = False
) -> int:
    """Put right what `check` finds and can be; on Kafka delete commands that were answered long ago, too."""
    from ledger.domain.calendar import HOUR
    from ledger.wiring.looking_after_the_vault import must_be_of_log, swept
    from ledger.wiring.persons import vault_of_log

    with vault_of_log(opened, accept_loss=accept_loss) as kept:
        now, grace = _now_to_destroy(opened), grace_hours * HOUR
        if not accept_loss:
            must_be_of_log(opened, kept, now, grace)
        done = swept(opened, kept, _keys(opened), now, grace)
    topics: list[Beginning] = []
    try:
        for begins in _commands_deleted(opened):
            topics.append(begins)  # noqa: PERF402 - what was deleted by then is told
    finally:  # what the brokers do not allow keeps nobody from hearing of the rest
        _say_swept(done, topics, as_json=as_json)
    return shell.DONE


def keepers(as_json: AsJson = False) -> int:
    """Who keeps something of a person, and what an erasure does there; `docs/personal-data.md` says who reads it."""
    from ledger.wiring.copy_keepers import KEEPERS

    for one in KEEPERS:
        if as_json:
            say_json({"keeper": one.name, "way": one.way, "reached": one.reached})
        else:
            for line in folded_on(f"{one.name} ({one.way}): {one.reached}"):
                say(line)
    return shell.DONE


def _commands_deleted(opened: Opened) -> Iterator[Beginning]:
    """Deletes commands on Kafka that are answered, by the brokers' clocks, whatever the log's own is."""
    if opened.settings.kafka is None:
        return
    from ledger.entrypoints.dead import awaited
    from ledger.wiring.on_kafka import delete_answered

    yield from delete_answered(opened.settings, opened.followed(), awaited(opened), wall_clock())


def _say_swept(done: Swept, topics: Sequence[Beginning], *, as_json: bool) -> None:
    from ledger.wiring.copy_keepers import THE_VAULT

    erased = done.reached[THE_VAULT.name]
    if as_json:
        say_json({"erased": erased} | done._asdict() | {"topics": [one._asdict() for one in topics]})
        return
    what = (
        f"{counted(erased, 'person')} erased, {counted(done.writings, 'writing')} without an event",
        f"{counted(done.keys, 'key')} without values, {counted(len(done.months), 'key')} of backups",
    )
    say_folded(", ".join(what))
    for keeper, count in done.reached.items():
        if count and keeper != THE_VAULT.name:
            say_folded(f"{keeper}: {counted(count, 'copy')} erased")
    for begins in topics:
        say(f"{begins.topic}, partition {begins.partition}: begins at {begins.offset}")


def _now_to_destroy(opened: Opened) -> int:
    """Now, for what nobody can bring back. Raises SettingsInvalid where another than a live log's own time is set."""
    from ledger.wiring.erasures_carried_out import readers_of

    for reader in readers_of(opened)[:1] if opened.settings.now is not None else ():
        with reader.snapshot() as log:
            if log.created is not None and log.created.clock == "live":
                must_be_wall_clocks(opened.settings)
    return now_of(opened.settings)


def _keys(opened: Opened) -> MonthKeys | None:
    """The keys of backups, where they are set."""
    from ledger.wiring.persons import month_keys

    return None if opened.settings.vault_backup_keys is None else month_keys(opened.settings)
