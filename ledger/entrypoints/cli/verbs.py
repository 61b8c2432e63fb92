"""One verb for each command, made from its schema: `pulsa credit top-up MSISDN --credit 10000 …`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import uuid4

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import DryRun, reader_for, told_here, with_parameters, with_settings
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, say, say_json, say_outcome
from ledger.entrypoints.command_fields import Field, fields_of, may_lack

if TYPE_CHECKING:
    from ledger.application.outcomes import Outcome
    from ledger.domain.commands import Command
    from ledger.domain.events import Event
    from ledger.entrypoints.forms import CommandReader
    from ledger.wiring.composition import Opened
    from ledger.wiring.settings import Settings

_METAVARS = {
    "msisdn": "MSISDN",
    "id": "ID",
    "customer": "CUSTOMER",
    "customer-id": "ID",
    "card": "ICCID",
    "text": "TEXT",
    "amount": "AMOUNT",
    "amount-or-zero": "AMOUNT",
    "signed-amount": "AMOUNT",
    "instant": "INSTANT",
    "day": "DAY",
    "count": "COUNT",
    "fee": "true|AMOUNT",
    "count-or-zero": "COUNT",
    "decimal": "NUMBER",
    "ids": "ID,…",
    "lines": "KIND:AMOUNT:TEXT;…",
    "balance": "AMOUNT",
    "statement-lines": "JSON",
    "statement-findings": "JSON",
    "outcome-sums": "JSON",
    "digest": "HEX",
}


_AMOUNTS = {
    "amount": "{unit}, such as 5000 or 5.05; more than zero.",
    "amount-or-zero": "{unit}, such as 5000, 5.05 or 0.",
    "signed-amount": "{unit}, such as 5.05 or -500; not zero.",
    "balance": "{unit}, such as 5.05, 0 or -500.",
    "fee": "true, where the terms' fee was paid, or what was paid: {unit}, such as 25000.",
}
"""Options state amounts as decimal strings; the schemas, whose words help otherwise, count sen."""
_IN_CREDIT = frozenset({"credit", "printed_credit"})
"""Amounts that are in credit, as what is done to credit is, whatever it costs; all others are in rupiah."""
_LIES_IN = "lies_in"
"""The field by which a command says where the file lies that it names; the verb keeps one and says so itself."""
EvidenceFile = Annotated[
    Path | None,
    typer.Option(
        "--file", metavar="FILE", help="The evidence: it is kept beside statements.", show_default=False
    ),
]
_OF_BREACH, _COUNTED = "RecordBreach", "persons"
"""A breach's record, and its field that need not be stated where the scope's query says it."""
_LAST = ("at", "command_id", "actor")
"""What every command takes stands behind its own."""


def command_verb(command: str, *, of_credit: bool) -> Callable[..., Any]:
    """The verb of a command that an entry point takes; `of_credit`: what it moves is credit."""

    def run(
        settings: Settings,
        *,
        as_json: bool,
        dry_run: bool,
        evidence: Path | None = None,
        **stated: Any,  # noqa: ANN401 - the command's fields
    ) -> int:
        given = {"command": command, "command_id": str(uuid4())}
        for field, value in stated.items():
            if value is not None:
                given[field] = str(value).lower() if isinstance(value, bool) else value
        from ledger.application.outcomes import UNKNOWN
        from ledger.wiring.composition import opened

        if may_be_file and (evidence is None) == ("digest" not in given):
            raise typer.BadParameter("it is said by --file, or by its --digest where it lies elsewhere")
        outcome, events = _execute(settings, given, dry_run=dry_run, evidence=evidence)
        with shell.telling_what_is_recorded(), opened(settings) as log:
            if as_json:
                say_json({**outcome.to_json(), **({"dry_run": True} if dry_run else {})})
            else:
                say_outcome(outcome, events, partial(told_here, log))
                if dry_run:
                    say(NOTHING_IS_WRITTEN)
        if outcome.status == UNKNOWN:
            return shell.FAILED
        return shell.DONE if outcome.code is None else shell.REFUSED

    kinds = inspect.Parameter
    parameters = [kinds("settings", kinds.POSITIONAL_OR_KEYWORD, annotation=Any)]
    subject, fields = _subject_of(command), [_may_be_counted(field) for field in fields_of(command)]
    may_be_file = any(field["name"] == _LIES_IN for field in fields)
    if may_be_file:
        fields = [_by_file(field) for field in fields if field["name"] != _LIES_IN]
        parameters.append(kinds("evidence", kinds.KEYWORD_ONLY, annotation=EvidenceFile, default=None))
    parameters += [
        _argument(field) if field["name"] == subject else _option(field, of_credit=of_credit)
        for field in sorted(fields, key=partial(_rank, subject))
    ]
    parameters.append(kinds("dry_run", kinds.KEYWORD_ONLY, annotation=DryRun, default=False))
    parameters.append(kinds("as_json", kinds.KEYWORD_ONLY, annotation=AsJson, default=False))
    return with_settings(with_parameters(run, parameters))


def _subject_of(command: str) -> str:
    """The name of the field that says what a command addresses: the first that not every command has."""
    names: list[str] = [field["name"] for field in fields_of(command)]
    return next(name for name in names if name not in _LAST)


def _rank(subject: str, field: Field) -> tuple[bool, bool, bool]:
    """What it addresses first, then what must be stated."""
    return field["name"] != subject, field["name"] in _LAST, may_lack(field)


def _argument(field: Field) -> inspect.Parameter:
    shown = typer.Argument(help=field.get("doc"), metavar=field["name"].upper(), show_default=False)
    return inspect.Parameter(field["name"], inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, shown])


def _option(field: Field, *, of_credit: bool) -> inspect.Parameter:
    name = field["name"]
    amount = _AMOUNTS.get(field["form"])
    unit = "Credit" if name in _IN_CREDIT or (of_credit and name != "price") else "Rupiah"
    help_ = field.get("doc") if amount is None else amount.format(unit=unit)
    keyword = inspect.Parameter.KEYWORD_ONLY
    option = f"--{name.replace('_', '-')}"
    metavar = "|".join(field["choices"]) if field["form"] == "choice" else _METAVARS.get(field["form"])
    if field["form"] == "flag":
        shown = typer.Option(f"{option}/--no-{option[2:]}", help=help_, show_default=False)
    else:
        choices = field.get("choices", [])
        shown = typer.Option(
            option,
            help=help_,
            metavar=metavar,
            show_default=False,
            autocompletion=(lambda incomplete: [c for c in choices if c.startswith(incomplete)])
            if choices
            else None,
        )
    kind: Any = bool if field["form"] == "flag" else str
    if may_lack(field) or name == "command_id":
        return inspect.Parameter(name, keyword, annotation=Annotated[kind | None, shown], default=None)
    return inspect.Parameter(name, keyword, annotation=Annotated[kind, shown])


def _by_file(field: Field) -> Field:
    """The digest need not be stated where the file is."""
    if field["name"] != "digest":
        return field
    return field | {"default": None, "doc": f"{field['doc']} Its file lies elsewhere."}


def _may_be_counted(field: Field) -> Field:
    """The count of a breach's record need not be stated where it can be counted."""
    if field["name"] != _COUNTED:
        return field
    return field | {"default": None, "doc": f"{field['doc']} Counted, unless the scope is no query."}


def _execute(
    settings: Settings, given: dict[str, str], *, dry_run: bool, evidence: Path | None
) -> tuple[Outcome, list[Event]]:
    """The outcome, and its own events where the log that they are in is at hand.

    A file of `evidence` is kept in the evidence store first, and no longer where the command that names it is refused.
    """
    from ledger.wiring.composition import opened
    from ledger.wiring.rehearsal import rehearsed

    with rehearsed(settings) if dry_run else opened(settings) as log:
        if evidence is None:
            return _decided(log, given, settings, dry_run=dry_run)
        from ledger.application.outcomes import SET_APART, UNKNOWN
        from ledger.domain.line.dispute_commands import KEPT
        from ledger.wiring.evidence import evidence_store

        kept = evidence_store(log.settings, make_key=True).keep(evidence)
        said = given | {"digest": kept.digest, _LIES_IN: KEPT}
        outcome, events = _decided(log, said, settings, dry_run=dry_run)
        if outcome.code not in {None, *SET_APART} and outcome.status != UNKNOWN:
            kept.take_back()
        return outcome, events


def _decided(
    log: Opened, given: dict[str, str], settings: Settings, *, dry_run: bool
) -> tuple[Outcome, list[Event]]:
    from ledger.application.ledger import Ledger
    from ledger.application.outcomes import REFUSED, Outcome
    from ledger.domain.refusals import Invalid
    from ledger.entrypoints.principal import of_this_process

    ledger = log.taker()
    command: Command
    try:
        reader = reader_for(ledger, log.settings, dry_run=dry_run)
        if given["command"] == _OF_BREACH:
            command = _with_count(log, reader, given, settings)
        else:
            command = reader.from_text(given)
        _must_address_its_kind(command)
    except Invalid as refusal:
        partition, _, head = ledger.position.partition(":")
        id_ = given["command_id"]
        outcome = Outcome(id_, REFUSED, refusal.code, refusal.message, (), int(partition), int(head), 0)
        return outcome, []
    outcome = ledger.execute([command], principal=of_this_process())[0]
    own = [ledger.recorded(one) for one in outcome.events] if isinstance(ledger, Ledger) else []
    return outcome, own


def _with_count(log: Opened, reader: CommandReader, given: dict[str, str], settings: Settings) -> Command:
    """A breach's record with the count of those whom its scope names. Raises Invalid, and what keeps them uncounted."""
    from ledger.domain.customer.commands_of_breaches import RecordBreach
    from ledger.wiring.composition import opened
    from ledger.wiring.exposed import with_count

    command = cast("RecordBreach", reader.from_text({_COUNTED: "0"} | given))
    with opened(settings) as kept_by:  # a trial's copy of the log has no vault
        return with_count(log, command, kept_by=kept_by, stated=_COUNTED in given)


def _must_address_its_kind(command: Command) -> None:
    """Raises Invalid where a command addresses what it cannot be about, such as a number in place of a customer."""
    from ledger.domain.kinds import kind_for
    from ledger.domain.refusals import Invalid

    prefixes = kind_for(command).prefixes
    if prefixes and not command.subject.startswith(prefixes):
        raise Invalid(f"{_subject_of(type(command).__name__)}: not such as {' or '.join(prefixes)}…")
