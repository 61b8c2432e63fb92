"""The questions: `enquiry`, `balance`, `number history` and the rest. None of them writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.history_told import HistoryTold
from ledger.entrypoints.cli.options import now_of, told_here
from ledger.entrypoints.cli.output import AsJson, say, say_folded, say_json, say_outcome
from ledger.entrypoints.cli.prose import (
    AtLeast,
    Each,
    Number,
    Numbers,
    Then,
    as_of_known_at,
    asked,
    final_or_not,
    ledger_account_of,
    say_clauses,
    say_records,
    say_rows,
    telling,
    told_in,
)
from ledger.entrypoints.cli.tabulating import say_table
from ledger.figures import UNITS, grouped, of_unit, rupiah

if TYPE_CHECKING:
    from ledger.application.outcomes import Outcome
    from ledger.domain.calendar import Zone
    from ledger.wiring.composition import Opened
    from projections.asking.log_answers import OutcomeAnswer
    from projections.asking.questions import Questions

_AMOUNT = frozenset({"amount"})
_COUNT = frozenset({"accounts", "numbers"})

_HISTORY = [
    *("position", "account", "version", "type", "effective_at", "recorded_at", "terms", "clause"),
    *("command_id", "actor", "digest", "postings", "data", "credit", "reserved"),
    *("unbilled", "billed", "pending", "advance", "deposit", "final"),
    *("command", "status", "at", "refusal_code", "refusal_message"),
]
"""What a line of a history may tell: the last five are those of a refused command."""
_UNDER_WAY = ("transfer", "from_account", "to_msisdn", "amount", "fee", "sent_at")
"""What people are told of credit in transit."""
_PARTS_OF_CLOSING = ("billed", "unbilled", "commitment", "hard_copy", "penalty", "tax", "advance")
_TRANSIT = [
    *("transfer", "from_account", "to_msisdn", "amount", "fee", "sent_at", "age_seconds"),
    *("as_of", "known_at", "final", "position"),
]

All = Annotated[bool, typer.Option("--all", help="Every number that has an account.")]
Closing = Annotated[
    bool,
    typer.Option("--closing", help="What the contract would leave open if the customer left, part by part."),
]
CommandId = Annotated[str, typer.Argument(metavar="COMMAND_ID", help="The command's id.")]
Refused = Annotated[bool, typer.Option("--refused", help="Refused commands too.")]
LedgerAccounts = Annotated[
    list[str],
    typer.Argument(
        metavar="LEDGER-ACCOUNT…",
        parser=ledger_account_of,
        help="Such as 6288112345678#1/credit or operator/breakage.",
    ),
]
EachCustomer = Annotated[bool, typer.Option("--each", help="Every customer's account by itself.")]
ByDay = Annotated[
    bool, typer.Option("--by-day", help="Sales, use, breakage and what is owed, by local day (projections).")
]


def enquiry(
    opened: Opened, then: Then, msisdn: Numbers = None, all_: All = False, closing: Closing = False
) -> int:
    """Credit, validity, state and use of numbers; without --json or --csv in the words that *999# answers with."""
    from ledger.domain.calendar import zone
    from ledger.entrypoints.ussd import enquiry_text

    if bool(msisdn) == all_:
        raise typer.BadParameter("name numbers, or say --all")
    ask = asked(opened, then)
    if closing:
        if all_:
            raise typer.BadParameter("say --closing of numbers by name, or --all")
        return _closing(ask, then, msisdn or [], telling(opened, then))
    if all_:
        found = Each(["all"], lambda _: ask.enquiries(**then.moment), telling(opened, then))
    else:
        found = Each(msisdn or [], lambda one: [ask.enquiry(one, **then.moment)], telling(opened, then))
    if not then.told(one.to_json() for one in found):
        zones: dict[str, Zone] = {}
        moments: dict[str, None] = {}
        for one in found:
            where = zones[one.terms] = zones.get(one.terms) or ask.zone_under(one.terms)
            say_folded(enquiry_text(one, where))
            moments[final_or_not(one, zone("UTC") if then.utc else then.zone or where)] = None
        for moment in moments:
            say_folded(moment)
    return found.code


def _closing(ask: Questions, then: Then, numbers: list[str], told: Callable[[str], str]) -> int:
    """What each contract would leave open if its customer left, part by part."""
    found = Each(numbers, lambda one: [ask.closing(one, **then.moment)], told)
    if not then.told(one.to_json() for one in found):
        for one in found:
            parts = [(name.replace("_", " "), getattr(one, name)) for name in _PARTS_OF_CLOSING]
            rows = [[name, rupiah(amount)] for name, amount in parts if amount]
            say_table(one.account, ["part", "amount"], rows, right=_AMOUNT)
            say(f"closing amount {rupiah(one.amount)}; the deposit does not count")
            say(final_or_not(one, told_in(ask, then, one.msisdn)))
    return found.code


def outcome(
    opened: Opened,
    msisdn: Number,
    command_id: CommandId,
    at_least: AtLeast = None,
    as_json: AsJson = False,
) -> int:
    """What became of a command."""
    found = asked(opened, Then(at_least=at_least)).outcome(msisdn, command_id)
    if as_json:
        say_json(found.to_json())
    else:
        say_outcome(_as_outcome(found), told=partial(told_here, opened))
    return shell.DONE


def _as_outcome(found: OutcomeAnswer) -> Outcome:
    from ledger.application.outcomes import EventReference, Outcome

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


def history(opened: Opened, then: Then, msisdn: Number, refused: Refused = False) -> int:
    """The events of a number in the order of recording, each with the balance after it."""
    from projections.asking.log_answers import HistoryRefusal
    from projections.engine.instants import Asked

    ask = asked(opened, then)
    found = ask.history(msisdn, refused=refused, **then.moment)
    if not then.told((line.to_json() for line in found), columns=_HISTORY):
        where = told_in(ask, then, msisdn)
        clauses: set[str | None] = set()
        told = HistoryTold(where)
        for line in found:
            for said in told.lines(line):
                say(said)
            if not isinstance(line, HistoryRefusal):
                clauses.add(line.line.event.clause)
        say_clauses(opened.settings, clauses)
        moment = Asked(then.as_of, then.known_at).instants(
            now_of(opened.settings), lambda: ask.told_in(msisdn)
        )
        say_folded(as_of_known_at(*moment, where))
    return shell.DONE


def balance(opened: Opened, then: Then, ledger_account: LedgerAccounts) -> int:
    """The balance of ledger accounts, a line for each unit."""
    ask = asked(opened, then)
    found = Each(ledger_account, lambda name: ask.balance(name, **then.moment), telling(opened, then))
    if not then.told(one.to_json() for one in found):
        moments: dict[str, None] = {}
        for one in found:
            say(f"{one.account}: {of_unit(one.amount, one.unit)}")
            moments[final_or_not(one, told_in(ask, then, one.account))] = None
        for moment in moments:
            say_folded(moment)
    return found.code


def transit(opened: Opened, then: Then) -> int:
    """Credit that was sent and has not arrived yet, longest first."""
    from projections.money.transfers import InTransit

    ask = asked(opened, then)
    found = ask.transit(**then.moment)
    if then.told((one.to_json() for one in found), columns=_TRANSIT):
        return shell.DONE
    where = told_in(ask, then)
    if not found:
        say("nothing is in transit")
        say_folded(final_or_not(ask.moment(**then.moment), where))
        return shell.DONE
    say_records("", InTransit, [{field: getattr(one, field) for field in _UNDER_WAY} for one in found], where)
    say_folded(final_or_not(found[0], where))
    return shell.DONE


def states(opened: Opened, then: Then) -> int:
    """How many accounts, and how many numbers, are in each state."""
    ask = asked(opened, then)
    found = ask.states(**then.moment)
    if then.told(found.to_rows() if then.as_csv else [found.to_json()]):
        return shell.DONE
    for kind, counts in (("accounts", found.accounts), ("numbers", found.numbers)):
        rows = [[state, grouped(count)] for state, count in sorted(counts.items())]
        say_table("", ["state", kind], rows, right=_COUNT)
    say_folded(final_or_not(found, told_in(ask, then)))
    return shell.DONE


def trial_balance(opened: Opened, then: Then, each_: EachCustomer = False, by_day: ByDay = False) -> int:
    """The balance of every ledger account; each unit sums to zero."""
    ask = asked(opened, then)
    if by_day:
        if each_:
            raise typer.BadParameter("say --each or --by-day, not both")
        days = ask.days(**then.moment)
        say_rows(days, then, partial(told_in, ask, then), none="no money has moved", without={"zone"})
        if days.rows and not (then.as_json or then.as_csv):
            say(f"days of {days.rows[0].zone}")
        return shell.DONE
    found = ask.trial_balance(each=each_, **then.moment)
    if then.told(found.to_rows() if then.as_csv else [found.to_json()]):
        return shell.DONE
    rows = [[account, UNITS[unit], rupiah(amount)] for account, unit, amount in found.rows]
    rows += [["sum", UNITS[unit], rupiah(amount)] for unit, amount in sorted(found.totals.items())]
    say_table("", ["account", "unit", "amount"], rows, right=_AMOUNT)
    say_folded(final_or_not(found, told_in(ask, then)))
    return shell.DONE
