"""What is asked of persons: what the holders of numbers agree to; what they ask for, and by when it is due."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.output import say_folded
from ledger.entrypoints.cli.prose import Then, asked, final_or_not, say_records, say_rows, told_in

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

NumberOrEach = Annotated[
    str | None, typer.Argument(metavar="MSISDN", help="The number; without one, all of them.")
]

CustomerOrEach = Annotated[
    str | None,
    typer.Argument(
        metavar="CUSTOMER", help="Such as customer/CAB3DE4FG5HI6JK7LM8NO; without one, all of them."
    ),
]
OnlyOpen = Annotated[bool, typer.Option("--open", help="Only what was not answered yet.")]
OnlyBreached = Annotated[bool, typer.Option("--breached", help="Only what was not answered in time.")]

OnlyBlocked = Annotated[bool, typer.Option("--blocked", help="Only where something stands in the way.")]
OnlyUntold = Annotated[
    bool, typer.Option("--open", help="Only those of which authority or persons were not told yet.")
]


def preferences(opened: Opened, then: Then, msisdn: NumberOrEach = None) -> int:
    """What the present holder of each number agrees to: offers, partners, credit bureau."""
    ask = asked(opened, then)
    found = ask.preferences(msisdn, **then.moment)
    say_rows(
        found,
        then,
        partial(told_in, ask, then, msisdn),
        none="nobody who is registered holds a number"
        if msisdn is None
        else "held by nobody who is registered",
        without=("held_since",),
    )
    return shell.DONE


def requests(
    opened: Opened,
    then: Then,
    customer: CustomerOrEach = None,
    only_open: OnlyOpen = False,
    only_breached: OnlyBreached = False,
) -> int:
    """What persons ask for: what is open, due when, and not answered in time."""
    from projections.persons.privacy import WantedRequests  # slow to import

    ask = asked(opened, then)
    found = ask.requests(WantedRequests(customer, only_open, only_breached), **then.moment)
    say_rows(found, then, partial(told_in, ask, then), none="no request")
    return shell.DONE


def disclosures(opened: Opened, then: Then, customer: CustomerOrEach = None) -> int:
    """What was released of persons: to whom, on what ground, which fields, by whose approval."""
    ask = asked(opened, then)
    found = ask.disclosures(customer, **then.moment)
    say_rows(found, then, partial(told_in, ask, then), none="nothing was disclosed", without=("command_id",))
    return shell.DONE


def erasures(
    opened: Opened, then: Then, customer: CustomerOrEach = None, only_blocked: OnlyBlocked = False
) -> int:
    """Erasures that have begun: why, how far they are, and what stands in their way."""
    ask = asked(opened, then)
    found = ask.erasures(customer, only_blocked=only_blocked, **then.moment)
    if then.told(found.to_rows(), columns=found.columns):
        return shell.DONE
    zone = told_in(ask, then)
    say_records("", found.kind, [row._asdict() for row in found.rows], zone)
    for row in found.rows:
        for why in row.objections:
            say_folded(f"{row.customer}: {why['of']}: {why['reason']}")
    if not found.rows:
        say_folded("no erasure")
    say_folded(final_or_not(found, zone))
    return shell.DONE


def holds(opened: Opened, then: Then, customer: CustomerOrEach = None) -> int:
    """What of persons is held for legal cases: nothing of it is erased meanwhile."""
    ask = asked(opened, then)
    found = ask.holds(customer, **then.moment)
    say_rows(found, then, partial(told_in, ask, then), none="nothing is held")
    return shell.DONE


def breaches(opened: Opened, then: Then, only_open: OnlyUntold = False) -> int:
    """Breaches of personal data: who has to be told by when, and who was."""
    ask = asked(opened, then)
    found = ask.breaches(only_open=only_open, **then.moment)
    say_rows(found, then, partial(told_in, ask, then), none="no breach")
    return shell.DONE
