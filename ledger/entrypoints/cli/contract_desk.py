"""What is asked of contracts: bills, payments, deposits, what is owed; and the contracts themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.output import say, say_folded
from ledger.entrypoints.cli.prose import (
    Number,
    NumberOrAll,
    Then,
    asked,
    final_or_not,
    say_clauses,
    say_fields,
    say_records,
    say_rows,
    told_in,
)
from ledger.errors import TermsMissing
from ledger.figures import rupiah

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.wiring.composition import Opened
    from projections.asking.bill_items import BillItem
    from projections.postpaid.bills import BillShown
    from projections.postpaid.contracts_told import ContractShown

Bill = Annotated[
    str, typer.Argument(metavar="BILL", help="The bill's number, such as 6288112345678-1-B0001.")
]
State = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Only in this state.", show_default=False)
]
EachAccount = Annotated[bool, typer.Option("--each", help="Every account that owes anything by itself.")]
CustomerOrAll = Annotated[
    str | None, typer.Argument(metavar="CUSTOMER", help="The customer's id; without one, all of them.")
]
InDebt = Annotated[bool, typer.Option("--in-debt", help="Only who has a bill overdue.")]

Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write it as a page for a browser.", show_default=False),
]
Pdf = Annotated[
    Path | None,
    typer.Option("--pdf", metavar="FILE", help="Write it as a page to print.", show_default=False),
]

_PROSE_OF_BILLS = ("account", "plan", "due_until")
_THEN = frozenset({"as_of", "known_at", "final", "position"})


def bills(opened: Opened, then: Then, msisdn: Number) -> int:
    """The bills of a number, and what became of each."""
    ask = asked(opened, then)
    found = ask.bills(msisdn, **then.moment)
    say_rows(
        found,
        then,
        partial(told_in, ask, then, msisdn),
        none=f"{msisdn}: no bill",
        without=_PROSE_OF_BILLS,
    )
    return shell.DONE


def bill(opened: Opened, then: Then, number: Bill, html: Html = None, pdf: Pdf = None) -> int:
    """A bill: what it charges, its tax, and all that has met it since."""
    ask = asked(opened, then)
    found = ask.bill(number, **then.moment)
    if html is not None or pdf is not None:
        _put_page(opened, found, ask.bill_items(number, **then.moment).rows, html, pdf)
    elif not then.told([found.to_json()]):
        from ledger.domain.postpaid.events_of_bills import BillLine
        from projections.postpaid.bills import BillMovement

        where = told_in(ask, then)
        say_clauses(opened.settings, [found.clause])
        _say_answer(found, where, {"lines": BillLine, "movements": BillMovement})
    return shell.DONE


def bill_items(opened: Opened, then: Then, number: Bill) -> int:
    """The use that a bill carries: by service and zone; abroad, record by record."""
    ask = asked(opened, then)
    where = partial(told_in, ask, then)
    say_rows(ask.bill_items(number, **then.moment), then, where, none=f"{number}: no use that cost anything")
    return shell.DONE


def _put_page(
    opened: Opened, found: BillShown, items: list[BillItem], html: Path | None, pdf: Path | None
) -> None:
    """Writes a bill's page, by the terms that it was issued under."""
    from ledger.domain.postpaid.terms import PostpaidTerms
    from ledger.entrypoints import bill_pages  # slow to import
    from ledger.entrypoints.targets import must_be_apart_from_the_log
    from ledger.terms.clauses import clause_titles
    from ledger.wiring.composition import known_terms

    terms = next((one for one in known_terms(opened.settings) if one.id == found.terms), None)
    if not isinstance(terms, PostpaidTerms):
        raise TermsMissing(f"{found.terms}: the page is made by the terms that the bill was issued under")
    seller = bill_pages.Seller(opened.settings.seller, opened.settings.seller_tax_number)
    digest = _digest_at(opened, found.position)
    page = bill_pages.page(found, items, terms, seller, clause_titles(), digest)
    for option, file in (("--html", html), ("--pdf", pdf)):
        if file is not None:
            must_be_apart_from_the_log(option, file, opened.settings)
            content = bill_pages.as_pdf(page) if file is pdf else bill_pages.as_html(page).encode()
            _put(file, content)
            say(f"{file}: bill {found.bill}, {rupiah(found.total)}, of which {rupiah(found.open)} are open")


def _put(file: Path, content: bytes) -> None:
    """A page in its place, over what is there; through a link, and where there is no file, such as /dev/stdout."""
    from ledger.whole_files import written_whole

    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_bytes(content)
        return
    with written_whole(file, over=True, mode=0o666) as page:
        page.write(content)


def _digest_at(opened: Opened, position: str) -> str:
    """The digest of the event at a position."""
    partition, _, ordinal = position.partition(":")
    readers, _ = opened.journaled()
    with next(one for one in readers if one.partition == int(partition)).snapshot() as log:
        return next(log.events(int(ordinal), last=int(ordinal))).digest.hex()


def payments(opened: Opened, then: Then, msisdn: Number) -> int:
    """The payments of a number, and what each has met."""
    ask = asked(opened, then)
    found = ask.payments(msisdn, **then.moment)
    without = ("account", "allocations")
    say_rows(
        found,
        then,
        partial(told_in, ask, then, msisdn),
        none=f"{msisdn}: no payment",
        without=without,
    )
    return shell.DONE


def suspense(opened: Opened, then: Then, msisdn: NumberOrAll = None) -> int:
    """Money that no account took: what lies in suspense, and what became of the rest."""
    ask = asked(opened, then)
    found = ask.suspense(msisdn, **then.moment)
    where = partial(told_in, ask, then, msisdn)
    say_rows(found, then, where, none="nothing is in suspense")
    return shell.DONE


def deposits(opened: Opened, then: Then, msisdn: NumberOrAll = None) -> int:
    """Deposits: what is held, what became of the rest, and by when a refund is due."""
    ask = asked(opened, then)
    found = ask.deposits(msisdn, **then.moment)
    without = ("deposits", "requested_at", "ready_since", "left_out")
    say_rows(found, then, partial(told_in, ask, then, msisdn), none="no deposit", without=without)
    return shell.DONE


def customers(opened: Opened, then: Then, customer: CustomerOrAll = None, in_debt: InDebt = False) -> int:
    """Customers by contracts: their accounts, what is owed on them, and the debts that block the others."""
    ask = asked(opened, then)
    found = ask.customers(customer, in_debt=in_debt, **then.moment)
    none = "no customer is in debt" if in_debt else "no customer has a contract"
    say_rows(found, then, partial(told_in, ask, then), none=none)
    return shell.DONE


def contract(opened: Opened, then: Then, msisdn: Number) -> int:
    """A contract: its state, plan, end; and what is due when."""
    ask = asked(opened, then)
    found = ask.contract(msisdn, **then.moment)
    if not then.told([found.to_json()]):
        from projections.postpaid.contracts_told import ComingUp

        _say_answer(found, told_in(ask, then, msisdn), {"due": ComingUp})
    return shell.DONE


def contracts(opened: Opened, then: Then, state: State = None) -> int:
    """Every contract: state, plan, end, and when time changes something next."""
    ask = asked(opened, then)
    found = ask.contracts(state, **then.moment)
    say_rows(found, then, partial(told_in, ask, then), none="no contract", without=("terms", "opened_at"))
    return shell.DONE


def receivables(opened: Opened, then: Then, each: EachAccount = False) -> int:
    """What is owed: not billed yet, billed, and overdue by age."""
    ask = asked(opened, then)
    where = partial(told_in, ask, then)
    if each:
        say_rows(ask.receivables_of_each(**then.moment), then, where, none="nobody owes anything")
    else:
        say_rows(ask.receivables(**then.moment), then, where)
    return shell.DONE


def _say_answer(found: BillShown | ContractShown, where: Zone, lists: Mapping[str, type]) -> None:
    """The fields of an answer, one below the other; its lists as tables; and the moment."""
    said = {field.name: getattr(found, field.name) for field in fields(found)}
    say_fields(type(found), said, where, _THEN | lists.keys())
    for name, kind in lists.items():
        say_records(name, kind, said[name], where)
    say_folded(final_or_not(found, where))
