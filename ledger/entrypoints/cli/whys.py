"""`pulsa why`: why a balance is what it is, in eight lines or as many as are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import told_at, told_within, when
from ledger.entrypoints.cli.output import folded, folded_on, in_words, say
from ledger.entrypoints.cli.prose import Then, asked, final_or_not, ledger_account_of, subject_named, told_in
from ledger.figures import grouped, of_unit, rupiah, signed
from projections.asking import MOST_CHANGES

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.wiring.composition import Opened
    from projections.asking.why import BalanceChange, Why

_INDENT = " " * 4


def _about(text: str) -> str:
    return ledger_account_of(text) if "/" in text else subject_named(text)


def _amount(text: str) -> int:
    from ledger.domain.money import parse_amount

    try:
        return parse_amount(text.removeprefix("-"))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from None


About = Annotated[
    str,
    typer.Argument(
        metavar="MSISDN",
        parser=_about,
        help="A number, an account of it, or a ledger account such as 6288112345678#1/credit.",
    ),
]
Amount = Annotated[
    Any,
    typer.Option(
        "--amount",
        metavar="AMOUNT",
        parser=_amount,
        help="Only changes of so much, up or down, such as 13727.40.",
        show_default=False,
    ),
]
At = Annotated[
    Any,
    typer.Option(
        "--at",
        metavar="INSTANT|DAY",
        parser=when,
        help="Only the last change by then, or those of that local day.",
        show_default=False,
    ),
]
Largest = Annotated[bool, typer.Option("--largest", help="The largest changes first, not the newest.")]
Most = Annotated[
    int, typer.Option("-n", metavar="COUNT", min=1, max=MOST_CHANGES, help="So many changes at most.")
]


def why(
    opened: Opened,
    then: Then,
    msisdn: About,
    amount: Amount = None,
    at: At = None,
    largest: Largest = False,
    n: Most = 8,
) -> int:
    """Why the credit is what it is: the changes that made it, with clause, cause, and what was refused before."""
    from projections.asking.why import WantedChanges

    ask = asked(opened, then)
    found = ask.why(msisdn, WantedChanges(n, largest, amount, at), **then.moment)
    if then.told([found.to_json()]):
        return shell.DONE
    for line in _told(found, told_in(ask, then, found.account)):
        say(line)
    return shell.DONE


def _told(found: Why, where: Zone) -> Iterator[str]:
    state = "" if found.state is None else f", {found.state}"
    yield from folded_on(f"{found.account} holds {of_unit(found.amount, found.unit)}{state}")
    for change in found.told:
        yield ""
        yield from _change(change, where)
    yield ""
    more = found.changes - len(found.told)
    if more:
        yield f"and {grouped(more)} more changes"
    yield from folded(f"{final_or_not(found, where)}; position {found.position}")
    yield f"digest {found.digest}"


def _change(change: BalanceChange, where: Zone) -> Iterator[str]:
    what = f"{told_at(change.effective_at, where)}  {in_words(change.type)}"
    yield from folded_on(f"{what}  {signed(change.amount)}, after it {rupiah(change.after)}")
    if change.counterparty is not None:
        yield f"{_INDENT}{'from' if change.amount > 0 else 'to'} {change.counterparty}"
    if change.clause is not None:
        yield from folded(f"{change.clause}: {change.words or 'in the terms'}", _INDENT)
    yield from folded(_cause(change), _INDENT)
    if change.recorded_at is None:
        yield f"{_INDENT}not recorded yet"
    elif change.recorded_at != change.effective_at:
        yield f"{_INDENT}known since {told_at(change.recorded_at, where)}"
    for one in change.refused:
        said = told_within(one.message or one.code or "", where)
        late = one.at > change.effective_at
        before = f"refused before it {'was known' if late else ''}".rstrip()
        yield from folded(
            f"{before}, {told_at(one.at, where)}: {one.command} {one.command_id}: {said}", _INDENT
        )


def _cause(change: BalanceChange) -> str:
    from ledger.domain.ids import POLICY_IDS
    from projections.asking.why import POLICY, TIME

    cause = change.cause
    if cause.kind == TIME:
        return f"by time alone, under {change.terms}"
    if cause.kind == POLICY:
        return f"it followed from {(cause.command_id or '').removeprefix(POLICY_IDS)} ({change.position})"
    named = f"{cause.command} {cause.command_id}" if cause.command else f"{cause.command_id}"
    return f"by {named} of {cause.actor} ({change.position})"
