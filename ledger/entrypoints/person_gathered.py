"""Everything that is kept about a person, gathered: of the vault, of the log, and of what is asked of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.domain.calendar import NEVER, format_instant
from ledger.domain.customer.events_of_persons import ConsentGiven, ConsentWithdrawn, FieldsErased
from ledger.domain.customer.ids_of_customers import own_id
from ledger.domain.customer.privacy_terms import PrivacyTerms
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.terms import Terms
from ledger.entrypoints import bill_pages
from ledger.entrypoints.access_archive import (
    AccountTold,
    BillHeld,
    Gathered,
    PersonTold,
    ToldRows,
    own,
    own_row,
)
from ledger.terms.clauses import clause_titles
from ledger.vault.copies_made import copies_of
from ledger.wiring.accounts_held import AccountHeld, accounts_held, ended_at, events_of_customer
from ledger.wiring.composition import Opened, known_terms
from ledger.wiring.persons import serving_vault
from ledger.wiring.statement_lines import statement_lines
from ledger.wiring.values_told import values_told
from projections.asking.log_answers import HistoryOfContract, LogLine
from projections.asking.questions import Questions
from projections.engine.answers import Listed, written
from projections.engine.unanswered import UnknownThen
from projections.line.disputes_told import WantedDisputes
from projections.persons.privacy import WantedRequests

_NOT_TOLD = frozenset({"customer", "command_id", "scope"})
"""What rows of answers say besides: whose they are, how they were sent, and a query that may name others."""


class Reader(NamedTuple):
    """Who gathers, why, and when (UTC microseconds): it is recorded as a reading."""

    by: str
    reason: str
    now: int


def gathered(opened: Opened, asked: Questions, customer: str, reader: Reader, *, dry_run: bool) -> Gathered:
    """All that there is about a person. Raises LookupError where nobody is registered, and what the vault does."""
    events, person = events_of_customer(opened, customer), asked.person(customer)
    if person is None:
        raise LookupError(customer)
    terms = {one.id: one for one in known_terms(opened.settings)}
    policy = terms.get(person.terms)
    classes: dict[str, tuple[str, str]] = {}
    if isinstance(policy, PrivacyTerms):
        purposes = {one.name: one.purpose for one in policy.classes}
        classes = {name: (of, purposes[of]) for name, of in policy.class_of.items()}
    with serving_vault(opened, dry_run=dry_run) as kept:
        told = values_told(opened, kept, customer, reader.now)
        values = kept.show(
            own_id(customer),
            told.last,
            at=reader.now,
            reader=reader.by,
            reason=reader.reason,
            digests=told.digests,
        )
        readings = [
            {"at": format_instant(one.at), "fields": list(one.fields), "reason": one.reason}
            for one in kept.readings(own_id(customer), most=None)
        ]
        copies = [
            {"at": format_instant(one.at), "kind": one.kind, "of": one.of, "digest": one.digest.hex()}
            for one in copies_of(kept, own_id(customer), most=None)
        ]
    zone = asked.told_in() if policy is None else policy.zone
    accounts = list(accounts_held(asked, events, customer))
    stated = statement_lines(opened, accounts, reader.now, zone)
    return Gathered(
        customer,
        values,
        classes,
        person.restricted,
        _told(asked, customer, events, accounts),
        [own(LogLine(None, None, event).to_json()) for event in events],
        readings,
        copies,
        [_account(opened, asked, terms, held, lines) for held, lines in zip(accounts, stated, strict=True)],
        reader.now,
        zone,
    )


# --- the person -------------------------------------------------------------------------------------------------------


def _told(
    asked: Questions, customer: str, events: Sequence[Event], accounts: Sequence[AccountHeld]
) -> PersonTold:
    gone = [
        {"field": field["field"], "class": field["of"], "at": format_instant(event.effective_at)}
        for event in events
        if isinstance(event, FieldsErased)
        for field in event.fields
    ]
    ever = {
        field["field"]
        for event in events
        for field in getattr(event, "fields", ())
        if isinstance(field, Mapping)
    }
    present = sorted({subject_of(held.account) for held in accounts if held.until is None})
    breaches = asked.breaches()
    return PersonTold(
        consents=list(_consents(events).values()),
        preferences=[
            row for number in present for row in _rows(asked.preferences(number)) if _is_of(row, accounts)
        ],
        requests=_rows(asked.requests(WantedRequests(own_id(customer)))),
        holds=_rows(asked.holds(customer)),
        erasures=_rows(asked.erasures(customer)),
        disclosures=_rows(asked.disclosures(customer)),
        fields_erased=gone,
        breaches=_rows(
            breaches,
            [
                one
                for one in breaches.rows
                if one.discovered_at >= events[0].recorded_at and not ever.isdisjoint(one.fields)
            ],
        ),
    )


def _consents(events: Iterable[Event]) -> dict[str, dict[str, Any]]:
    """What was said to each purpose last."""
    said: dict[str, dict[str, Any]] = {}
    for event in events:
        if isinstance(event, ConsentGiven | ConsentWithdrawn):
            said[event.purpose] = {
                "purpose": event.purpose,
                "given": isinstance(event, ConsentGiven),
                "channel": event.channel,
                "since": format_instant(event.effective_at),
            }
    return said


def _is_of(row: Mapping[str, Any], accounts: Sequence[AccountHeld]) -> bool:
    return any(held.until is None and held.account == row["account"] for held in accounts)


# --- accounts ---------------------------------------------------------------------------------------------------------


def _account(
    opened: Opened, asked: Questions, terms: Mapping[str, Terms], held: AccountHeld, lines: ToldRows
) -> AccountTold:
    """As of the end of the time that it was the person's; what came before it is in the opening balance."""
    is_contract = any(isinstance(line, HistoryOfContract) for line in held.lines)
    then = {"as_of": held.until}
    account = held.account
    payments = asked.payments(account, **then) if is_contract else None
    deposits = asked.deposits(account, **then) if is_contract and held.opening is None else None
    disputes = asked.disputes(WantedDisputes(about=account), **then)
    return AccountTold(
        held,
        list(_bills(opened, asked, terms, held)),
        []
        if payments is None
        else _rows(payments, [one for one in payments.rows if one.received_at >= held.since]),
        _suspense(asked, held),
        [] if deposits is None else _rows(deposits),
        _rows(disputes, [one for one in disputes.rows if one.opened_at >= held.since]),
        lines,
    )


def _suspense(asked: Questions, held: AccountHeld) -> list[dict[str, Any]]:
    """What was meant for the account, or came for its number, while it was the person's and had not ended."""
    try:
        found = asked.suspense(subject_of(held.account), as_of=held.until)
    except UnknownThen:
        return []  # nothing ever did
    ended = ended_at(held)
    rows = [
        one
        for one in found.rows
        if one.received_at >= held.since
        and (held.account in (one.meant_for, one.assigned_to) or one.received_at < (ended or NEVER))
    ]
    return _rows(found, rows)


def _bills(
    opened: Opened, asked: Questions, terms: Mapping[str, Terms], held: AccountHeld
) -> Iterator[BillHeld]:
    """The bills that were issued while the account was the person's."""
    seller = bill_pages.Seller(opened.settings.seller, opened.settings.seller_tax_number)
    for line in held.lines:
        event = line.line.event
        if not isinstance(event, BillIssued):
            continue
        found, items = (
            asked.bill(event.bill, as_of=held.until),
            asked.bill_items(event.bill, as_of=held.until),
        )
        under = terms.get(found.terms)
        page = None
        if isinstance(under, PostpaidTerms):
            digest = "" if line.line.digest is None else line.line.digest.hex()
            made = bill_pages.page(found, items.rows, under, seller, clause_titles(), digest)
            page = bill_pages.as_html(made)
        said, details = _rows(items), [bill_pages.item_row(item) for item in items.rows]
        own_bill = (found.bill, held.account, found.total, found.open, found.to_json())
        yield BillHeld(*own_bill, said, details, page)


def _rows(answer: Listed[Any], rows: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """The rows of an answer, or some of them, as the language writes them; without the staff."""
    some = answer.rows if rows is None else rows
    said = [own_row(written(answer.kind, row._asdict())) for row in some]
    return [{name: value for name, value in row.items() if name not in _NOT_TOLD} for row in said]
