"""Persons: registered, corrected and shown by way of the vault."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import Utc, told_at
from ledger.entrypoints.cli.options import DryRun, now_of, told_here
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, counted, say, say_json, say_outcome
from ledger.entrypoints.cli.prose import zone_at_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.domain.customer.person import Person
    from ledger.wiring.composition import Opened


def _customer(given: str) -> str:
    if not given.startswith(_CUSTOMER):
        raise typer.BadParameter(f"not such as {_CUSTOMER}…")
    return given


_CUSTOMER = "customer/"
Customer = Annotated[
    str,
    typer.Argument(
        metavar="CUSTOMER",
        help="The customer, such as customer/CAB3DE4FG5HI6JK7LM8NO.",
        show_default=False,
        callback=_customer,
    ),
]
Values = Annotated[
    Path,
    typer.Option(
        "--values",
        metavar="FILE",
        help="The fields and their values, a JSON object of texts; - reads standard input.",
        show_default=False,
    ),
]
Fields = Annotated[
    str,
    typer.Option(
        "--fields", metavar="FIELD,…", help="The fields to show, such as name,email.", show_default=False
    ),
]
BreachOrScope = Annotated[
    str,
    typer.Argument(metavar="BREACH", help="The breach, such as breach/b-1; or a scope.", show_default=False),
]
OfFields = Annotated[
    str | None,
    typer.Option("--fields", metavar="FIELD,…", help="Of these fields alone, such as name,email."),
]
By = Annotated[
    str, typer.Option("--by", metavar="ID", help="Who reads, as a pseudonymous id.", show_default=False)
]
Reason = Annotated[
    str,
    typer.Option("--reason", metavar="CODE", help="Why, as a code: it is recorded.", show_default=False),
]
Policy = Annotated[
    str, typer.Option("--terms", metavar="ID", help="Id of the privacy policy.", show_default=False)
]
Source = Annotated[
    str,
    typer.Option("--source", metavar="CODE", help="Where the data came from, as a code.", show_default=False),
]
Disclosed = Annotated[
    str,
    typer.Argument(metavar="COMMAND_ID", help="The id under which it was disclosed.", show_default=False),
]
CommandId = Annotated[
    str | None,
    typer.Option(
        "--command-id", metavar="ID", help="The same id again is the same command.", show_default=False
    ),
]
Actor = Annotated[str, typer.Option("--actor", metavar="ID", help="Who asks, as a pseudonymous id.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="INSTANT",
        help="When it is asked; stated on a played log only.",
        show_default=False,
    ),
]
_MOST_BYTES = 100_000
_MOST_FIELDS = 19
_BECAME = {
    "deleted": "deleted",
    "gone": "handed over",
    "changed": "handed over",
    "lost": "where it was put is not known any more",
}
"""What became of a copy, as people are told."""
"""Fields of one reading: with their commas, each as long as an id may be, the vault's column has room for so many."""


def register(
    opened: Opened,
    customer: Customer,
    values: Values,
    terms: Policy,
    source: Source,
    command_id: CommandId = None,
    at: At = None,
    actor: Actor = "system",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Register a person as a customer: the values go to the vault, their names to the log."""
    said = {"command": "RegisterCustomer", "terms": terms, "source": source, "customer": customer}
    own = {"command_id": command_id, "at": at, "actor": actor}
    return _write(opened, said, values, own, dry_run=dry_run, as_json=as_json)


def rectify(
    opened: Opened,
    customer: Customer,
    values: Values,
    command_id: CommandId = None,
    at: At = None,
    actor: Actor = "system",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Correct a person's fields, or add some: the values go to the vault, their names to the log."""
    said = {"command": "RectifyCustomer", "customer": customer}
    own = {"command_id": command_id, "at": at, "actor": actor}
    return _write(opened, said, values, own, dry_run=dry_run, as_json=as_json)


def show(
    opened: Opened, customer: Customer, fields: Fields, by: By, reason: Reason, as_json: AsJson = False
) -> int:
    """Show a person's fields. Who read them, and why, is recorded first."""
    asked = [one for one in fields.split(",") if one]
    if not asked:
        raise typer.BadParameter("--fields: none is named")
    if len(asked) > _MOST_FIELDS:
        raise typer.BadParameter(f"--fields: more than {_MOST_FIELDS} are named")
    must_be_codes(by=by, reason=reason, fields=asked)
    kept_back = why_not_shown(customer, _person(opened, customer))
    return _show(opened, customer, asked, by, reason, as_json=as_json) if kept_back is None else kept_back


def hand_out(
    opened: Opened, customer: Customer, disclosure: Disclosed, by: By, reason: Reason, as_json: AsJson = False
) -> int:
    """Hand out what a disclosure has released: its fields as they were kept then, and again the same.

    Who read them, and why, is recorded first. A field that is kept no more is not handed out.
    """
    from ledger.wiring.values_told import released

    must_be_codes(by=by, reason=reason)
    kept_back = why_not_shown(customer, _person(opened, customer))
    if kept_back is not None:
        return kept_back
    written_for = released(opened, customer, disclosure, now_of(opened.settings))
    if written_for is None:
        return shell.failed("refused", f"{customer}: {disclosure} has released nothing", shell.REFUSED)
    return _show(opened, customer, list(written_for), by, reason, written_for, as_json=as_json)


def _person(opened: Opened, customer: str) -> Person | None:
    return opened.questions(lambda: now_of(opened.settings)).person(customer)


def why_not_shown(customer: str, person: Person | None, *, for_themselves: bool = False) -> int | None:
    """Says why nothing of a person is shown; the exit code, None where it may be.

    `for_themselves`: of one whose data are restricted all is gathered for an open request of their own.
    """
    if person is None:
        return shell.failed("unknown-customer", f"{customer}: nobody is registered", shell.REFUSED)
    if person.erased:
        return shell.failed("erased", f"{customer}: the person is erased", shell.REFUSED)
    if person.restricted and not (for_themselves and person.request is not None):
        none = ", and there is no open request for them" if for_themselves else ""
        return shell.failed(
            "restricted", f"{customer}: the person's data are restricted{none}", shell.REFUSED
        )
    return None


def _show(
    opened: Opened,
    customer: str,
    asked: Sequence[str],
    by: str,
    reason: str,
    released: Mapping[str, str] | None = None,
    *,
    as_json: bool,
) -> int:
    """The fields as the commands wrote them that released them; else as those did that the log tells of last."""
    from ledger.domain.customer.ids_of_customers import own_id
    from ledger.wiring.persons import serving_vault
    from ledger.wiring.values_told import values_told

    now = now_of(opened.settings)
    with serving_vault(opened) as kept:
        told = values_told(opened, kept, customer, now)
        # no command has the empty id: what was written for none is not shown
        fields = {name: (told.last if released is None else released).get(name, "") for name in asked}
        found = kept.show(own_id(customer), fields, at=now, reader=by, reason=reason, digests=told.digests)
    if as_json:
        say_json(found)
    else:
        for name in asked:
            say(f"{name}: {found.get(name, '-')}".replace("\n", "\n  "))
    return shell.DONE


def must_be_codes(*, by: str, reason: str, fields: Sequence[str] = ()) -> None:
    """What is kept of who has read outlives the person: it is ids and codes. Raises a usage error, which tells none."""
    from ledger.entrypoints.fields import read_id

    for name, text in [("--by", by), ("--reason", reason), *(("--fields", one) for one in fields)]:
        try:
            read_id(text)
        except ValueError as error:
            raise typer.BadParameter(f"{name}: {error}") from None


def readings(opened: Opened, customer: Customer, utc: Utc = False, as_json: AsJson = False) -> int:
    """Who has read of a person, newest first."""
    from ledger.domain.calendar import format_instant
    from ledger.domain.customer.ids_of_customers import own_id
    from ledger.wiring.persons import must_be_vault_of, vault

    with vault(opened.settings) as kept:
        must_be_vault_of(opened, kept)
        found = kept.readings(own_id(customer))
    where = zone_at_hand(opened, utc=utc)
    for one in found:
        if as_json:
            say_json({**one._asdict(), "at": format_instant(one.at)})
        else:
            say(f"{told_at(one.at, where)} {one.reader}: {', '.join(one.fields)} ({one.reason})")
    if not found and not as_json:
        say(f"{customer}: nobody has read")
    return shell.DONE


def exposed(opened: Opened, breach: BreachOrScope, fields: OfFields = None, as_json: AsJson = False) -> int:
    """Whose data a breach exposed, by the scope that its record names; before it is recorded, by a scope itself.

    A scope is readings-of-ID, whom somebody has read; released-to-ID, whose fields were disclosed; or everybody.
    """
    from ledger.domain.customer.breach import PREFIX_OF_BREACHES
    from ledger.wiring.exposed import Exposure, exposed, exposure_of

    named = tuple(one.strip() for one in (fields or "").split(",") if one.strip())
    if not breach.startswith(PREFIX_OF_BREACHES):
        asked = Exposure(breach, named, now_of(opened.settings))
    elif named:
        raise typer.BadParameter("--fields goes with a scope; a breach that is recorded names its own")
    else:
        asked = exposure_of(opened, breach)
    count = 0
    for one in exposed(opened, asked):
        count += 1
        if as_json:
            say_json(one._asdict())
        else:
            say(f"{one.customer}: {', '.join(one.fields)}{' (erased since)' if one.erased else ''}")
    if not as_json:
        otherwise = asked.persons is not None and asked.persons != count
        say(counted(count, "person") + (f"; its record says {asked.persons}" if otherwise else ""))
    return shell.DONE


def copies(opened: Opened, customer: Customer, utc: Utc = False, as_json: AsJson = False) -> int:
    """What copies of a person were made and given out, and what became of them, newest first."""
    from ledger.domain.calendar import format_instant
    from ledger.domain.customer.ids_of_customers import own_id
    from ledger.vault.copies_made import copies_of
    from ledger.wiring.persons import must_be_vault_of, vault

    with vault(opened.settings) as kept:
        must_be_vault_of(opened, kept)
        found = copies_of(kept, own_id(customer))
    where = zone_at_hand(opened, utc=utc)
    for one in found:
        file = None if one.place is None else str(one.place)
        if as_json:
            own = {"at": format_instant(one.at), "kind": one.kind, "of": one.of, "digest": one.digest.hex()}
            say_json(own | {"file": file, "became": one.became})
        else:
            became = _BECAME.get(one.became or "", file or "given out")
            say(f"{told_at(one.at, where)} {one.kind} of {one.of}: {became}; sha256 {one.digest.hex()}")
    if not found and not as_json:
        say(f"{customer}: no copies were made")
    return shell.DONE


def _write(
    opened: Opened,
    said: dict[str, str],
    file: Path,
    header: dict[str, str | None],
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    from ledger.application.ledger import Ledger
    from ledger.application.outcomes import UNKNOWN, Outcome
    from ledger.entrypoints.cli.options import reader_for
    from ledger.entrypoints.principal import of_this_process
    from ledger.wiring.persons import vault_of_log, written_first
    from ledger.wiring.rehearsal import tried

    values = _values(file)
    given = said | {name: text for name, text in header.items() if text is not None}
    given.setdefault("command_id", str(uuid4()))
    given["fields"] = ",".join(values)
    with tried(opened, dry_run=dry_run) as log:
        ledger = log.taker()
        reader = reader_for(ledger, opened.settings)
        # read once before anything is written: whoever asks wrongly leaves nothing in the vault
        command = reader.from_text(given | {"digest": "0" * 64})

        def send(digest: str) -> Outcome:
            with_digest = reader_for(ledger, opened.settings).from_text(given | {"digest": digest})
            return ledger.execute([with_digest], principal=of_this_process())[0]

        with vault_of_log(opened, dry_run=dry_run) as kept:
            outcome = written_first(kept, command, values, send)
        own = [ledger.recorded(one) for one in outcome.events] if isinstance(ledger, Ledger) else []
    if as_json:
        say_json({**outcome.to_json(), **({"dry_run": True} if dry_run else {})})
    else:
        say_outcome(outcome, own, partial(told_here, opened))
        if dry_run:
            say(NOTHING_IS_WRITTEN)
    if outcome.status == UNKNOWN:
        return shell.FAILED
    return shell.DONE if outcome.code is None else shell.REFUSED


def _values(file: Path) -> dict[str, str]:
    """The fields and their values. Raises a usage error, which tells none of the values."""
    from ledger.entrypoints.file_lines import standard_input
    from ledger.entrypoints.registrations import NO_FIELD, is_field_name

    with standard_input() if str(file) == "-" else file.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    try:
        found: Any = json.loads(content[:_MOST_BYTES].decode(), object_pairs_hook=_each_once)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--values: {file} holds no JSON object of texts") from error
    if not isinstance(found, dict) or not found or len(content) > _MOST_BYTES:
        raise typer.BadParameter(
            f"--values: {file} holds no JSON object of texts, of {_MOST_BYTES:,} bytes at most"
        )
    if not all(isinstance(text, str) and text for text in found.values()):
        raise typer.BadParameter(f"--values: {file}: a value is no text, or empty")
    if not all(map(is_field_name, found)):
        raise typer.BadParameter(f"--values: {file}: {NO_FIELD}")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of its fields and values. Raises a usage error where a field stands there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise typer.BadParameter("--values: a field stands there twice")
    return found
