"""The questions: `enquiry`, `outcome`, `history`, `balance` and the rest. None of them writes."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.bootstrap import known_terms, queries
from ledger.domain.calendar import Zone, format_instant, zone
from ledger.domain.money import format_amount
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.asking import AsOf, AtLeast, KnownAt, Number, Numbers, each, final_or_not
from ledger.entrypoints.cli.options import now_of, with_settings
from ledger.entrypoints.cli.output import AsJson, say, say_json, say_outcome, say_table
from ledger.entrypoints.ussd import enquiry_text
from ledger.outcomes import EventReference, Outcome
from ledger.settings import Settings
from projections.queries import Enquiry, HistoryEvent, HistoryLine, OutcomeAnswer, Queries

_AMOUNT = frozenset({"amount"})
_COUNT = frozenset({"accounts", "numbers"})

All = Annotated[bool, typer.Option("--all", help="Every number that has an account.")]
CommandId = Annotated[str, typer.Argument(metavar="COMMAND_ID", help="The command's id.")]
Refused = Annotated[bool, typer.Option("--refused", help="Refused commands too.")]
LedgerAccounts = Annotated[
    list[str],
    typer.Argument(metavar="LEDGER-ACCOUNT…", help="Such as 6288112345678#1/credit or operator/breakage."),
]
Each = Annotated[bool, typer.Option("--each", help="Every customer's account by itself.")]


def _queries(settings: Settings, at_least: dict[int, int] | None = None) -> Queries:
    now = now_of(settings)
    return queries(settings, lambda: now, at_least=at_least)


def enquiry(
    settings: Settings,
    msisdn: Numbers = None,
    all_: All = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """Credit, validity, state and use of numbers; without --json in the words that *999# answers with."""
    if bool(msisdn) == all_:
        raise typer.BadParameter("name numbers, or say --all")
    asked = _queries(settings, at_least)
    zones: dict[str, Zone] = {} if as_json else {terms.id: terms.zone for terms in known_terms(settings)}

    def answer(found: Enquiry) -> None:
        if as_json:
            say_json(found.to_json())
        else:
            say(enquiry_text(found, zones.get(found.terms) or zone("UTC")))

    if all_:
        for found in asked.enquiries(as_of=as_of, known_at=known_at):
            answer(found)
        return shell.DONE
    return each(msisdn or [], lambda subject: answer(asked.enquiry(subject, as_of=as_of, known_at=known_at)))


def outcome(
    settings: Settings,
    msisdn: Number,
    command_id: CommandId,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """What became of a command."""
    found = _queries(settings, at_least).outcome(msisdn, command_id)
    if as_json:
        say_json(found.to_json())
    else:
        say_outcome(_as_outcome(found))
    return shell.DONE


def _as_outcome(found: OutcomeAnswer) -> Outcome:
    events = tuple(EventReference(*reference) for reference in found.events)
    partition, _, ordinal = found.position.partition(":")
    return Outcome(
        found.command_id,
        found.status,
        found.code,
        found.message,
        events,
        int(partition),
        int(ordinal),
        found.at,
    )


def history(
    settings: Settings,
    msisdn: Number,
    refused: Refused = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """The events of a number in the order of recording, each with the balance after it."""
    for line in _queries(settings, at_least).history(msisdn, refused=refused, as_of=as_of, known_at=known_at):
        if as_json:
            say_json(line.to_json())
        else:
            say(_history_text(line))
    return shell.DONE


def _history_text(line: HistoryLine) -> str:
    if isinstance(line, HistoryEvent):
        event = line.line.event
        name = event.TOPIC.rpartition(".")[2]
        held = f"credit {format_amount(line.credit)}"
        if line.reserved:
            held += f" (reserved {format_amount(line.reserved)})"
        position = line.line.position or "due"
        return (
            f"{position:<10} {format_instant(event.effective_at):<27} {event.account:<18} {name:<24} {held}"
        )
    was = line.outcome
    text = f"{was.command} refused: {was.code}"
    return f"{was.position:<10} {format_instant(was.at):<27} {was.msisdn:<18} {text}"


def balance(
    settings: Settings,
    ledger_account: LedgerAccounts,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """The balance of ledger accounts, a line for each unit."""
    asked = _queries(settings, at_least)

    def answer(name: str) -> None:
        for found in asked.balance(name, as_of=as_of, known_at=known_at):
            if as_json:
                say_json(found.to_json())
            else:
                say(f"{found.account} {found.unit} {format_amount(found.amount)} ({final_or_not(found)})")

    return each(ledger_account, answer)


def transit(
    settings: Settings,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """Credit that was sent and has not arrived yet, longest first."""
    found = _queries(settings, at_least).transit(as_of=as_of, known_at=known_at)
    if as_json:
        for one in found:
            say_json(one.to_json())
        return shell.DONE
    if not found:
        say("nothing is in transit")
        return shell.DONE
    rows = [
        [
            one.transfer,
            one.from_account,
            one.to_msisdn,
            format_amount(one.amount),
            format_instant(one.sent_at),
        ]
        for one in found
    ]
    say_table("", ["transfer", "from", "to", "amount", "sent at"], rows, right=_AMOUNT)
    return shell.DONE


def states(
    settings: Settings,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """How many accounts, and how many numbers, are in each state."""
    found = _queries(settings, at_least).states(as_of=as_of, known_at=known_at)
    if as_json:
        say_json(found.to_json())
        return shell.DONE
    for kind, counts in (("accounts", found.accounts), ("numbers", found.numbers)):
        rows = [[state, f"{count:,}"] for state, count in sorted(counts.items())]
        say_table("", ["state", kind], rows, right=_COUNT)
    say(final_or_not(found))
    return shell.DONE


def trial_balance(
    settings: Settings,
    each_: Each = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """The balance of every ledger account; each unit sums to zero."""
    found = _queries(settings, at_least).trial_balance(each=each_, as_of=as_of, known_at=known_at)
    if as_json:
        say_json(found.to_json())
        return shell.DONE
    rows = [[account, unit, format_amount(amount)] for account, unit, amount in found.rows]
    rows += [["sum", unit, format_amount(amount)] for unit, amount in sorted(found.totals.items())]
    say_table("", ["account", "unit", "amount"], rows, right=_AMOUNT)
    say(final_or_not(found))
    return shell.DONE


def add_questions(app: typer.Typer) -> None:
    """Gives the application the questions."""
    for name, question in (
        ("enquiry", enquiry),
        ("outcome", outcome),
        ("history", history),
        ("balance", balance),
        ("transit", transit),
        ("states", states),
        ("trial-balance", trial_balance),
    ):
        app.command(name, rich_help_panel="Questions")(with_settings(question))
