"""Everything that is kept about a person, in one archive: JSON for programs, and a page (`access_pages.py`).

What others are called by (staff, another holder) is left out: it is not the person's.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

from ledger.domain.calendar import Zone, format_instant
from ledger.entrypoints.bill_pages import Row
from ledger.wiring.accounts_held import AccountHeld

_NOT_HIS = frozenset({"actor", "approved_by", "asked_by", "decided_by", "opened_by", "assignee"})
_OTHERS = frozenset({"from_customer", "to_customer"})
_A_MOMENT = (1980, 1, 1, 0, 0, 0)
_KEPT = ("credit", "reserved", "unbilled", "billed", "pending", "advance", "deposit")

ToldRows = Sequence[Mapping[str, Any]]
"""Rows of an answer, as the language writes them."""


class BillHeld(NamedTuple):
    """A bill of the person: its total and what is open in sen, its JSON, what it is made of, its page if it has one.

    `details` are the `items` as a page has them.
    """

    bill: str
    account: str
    total: int
    open: int
    content: Mapping[str, Any]
    items: ToldRows
    details: Sequence[Row]
    page: str | None


class PersonTold(NamedTuple):
    """What answers say of the person: each as its question has it, without the staff."""

    consents: ToldRows
    preferences: ToldRows
    requests: ToldRows
    holds: ToldRows
    erasures: ToldRows
    disclosures: ToldRows
    fields_erased: ToldRows
    breaches: ToldRows
    """Those of fields that are or were kept of the person, since the registration."""


class AccountTold(NamedTuple):
    """An account while it was the person's, and what answers say of it: as of the end of that time."""

    held: AccountHeld
    bills: Sequence[BillHeld]
    payments: ToldRows
    suspense: ToldRows
    """Money that came for it and that it did not take."""
    deposits: ToldRows
    disputes: ToldRows
    statement_lines: ToldRows


class Gathered(NamedTuple):
    """All that there is about a person."""

    customer: str
    fields: Mapping[str, str]
    classes: Mapping[str, tuple[str, str]]
    """By field: its class, and what that is kept for."""
    restricted: bool
    told: PersonTold
    events: Sequence[Mapping[str, Any]]
    readings: ToldRows
    copies: ToldRows
    """What was given out before; of an archive, and of evidence of a number."""
    accounts: Sequence[AccountTold]
    at: int
    """When it was gathered, in UTC microseconds."""
    zone: Zone


def archive(found: Gathered, page: str) -> bytes:
    """The archive: the same for the same content."""
    files = {"index.html": page.encode(), "person.json": _json(_person(found))}
    files |= {"events.json": _json(found.events), "readings.json": _json(found.readings)}
    files["copies.json"] = _json(found.copies)
    for n, account in enumerate(found.accounts, 1):
        files[f"accounts/{n}.json"] = _json(_account(account))
        for bill in account.bills:
            files[f"bills/{bill.bill}.json"] = _json({**bill.content, "items": bill.items})
            if bill.page is not None:
                files[f"bills/{bill.bill}.html"] = bill.page.encode()
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(files):
            bundle.writestr(zipfile.ZipInfo(name, _A_MOMENT), files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def own(said: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the person is told it: without the staff, and without another holder."""
    left = own_row(said)
    data = said.get("data")
    if isinstance(data, Mapping):
        left["data"] = {name: value for name, value in own_row(data).items() if name not in _OTHERS}
    return left


def own_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the staff."""
    return {name: value for name, value in row.items() if name not in _NOT_HIS}


def _person(found: Gathered) -> dict[str, Any]:
    return {
        "customer": found.customer,
        "gathered_at": format_instant(found.at),
        "fields": [
            {"field": name, "value": value, "class": of, "purpose": purpose}
            for name, value in found.fields.items()
            for of, purpose in [found.classes.get(name, ("", ""))]
        ],
        "restricted": found.restricted,
        **found.told._asdict(),
    }


def _account(told: AccountTold) -> dict[str, Any]:
    held = told.held
    opening = None if held.opening is None else held.opening.to_json()
    return {
        "account": held.account,
        "since": format_instant(held.since),
        "until": None if held.until is None else format_instant(held.until),
        "opening": None if opening is None else {name: opening[name] for name in _KEPT if name in opening},
        "events": [own(line.to_json()) for line in held.lines],
        "bills": [bill.bill for bill in told.bills],
        "payments": told.payments,
        "suspense": told.suspense,
        "deposits": told.deposits,
        "disputes": told.disputes,
        "statement_lines": told.statement_lines,
    }


def _json(content: Any) -> bytes:  # noqa: ANN401 - any JSON
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
