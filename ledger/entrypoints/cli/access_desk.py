"""`pulsa customer access`: everything that is kept about a person, handed over in one archive."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import DryRun, now_of, reader_for
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, say, say_json
from ledger.entrypoints.cli.personal import By, Customer, Reason, must_be_codes

if TYPE_CHECKING:
    from ledger.entrypoints.access_pages import BillHeld, Gathered
    from ledger.wiring.accounts_held import AccountHeld
    from ledger.wiring.composition import Opened
    from projections.asking.questions import Questions

Archive = Annotated[
    Path, typer.Argument(metavar="OUT.zip", help="Where it goes; there must be none yet.", show_default=False)
]


def access(
    opened: Opened,
    customer: Customer,
    out: Archive,
    by: By,
    reason: Reason,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Put everything that is kept about a person into one archive, for that person.

    An open request of theirs is answered by it: its digest goes into the log. Of an account that was another's before,
    it begins with what was on it when it became theirs. Where it is put is noted: an erasure deletes it there.
    """
    from ledger.domain.customer.ids_of_customers import own_id
    from ledger.entrypoints import access_pages
    from ledger.entrypoints.targets import must_be_apart_from_the_log
    from ledger.store.backup import FileExists
    from ledger.vault.copies_made import CopyMade
    from ledger.wiring.copies_given import noted
    from ledger.wiring.rehearsal import tried

    must_be_codes(by=by, reason=reason)
    now = now_of(opened.settings)
    asked = opened.questions(lambda: now)
    person = asked.person(customer)
    if person is None:
        say(f"{customer}: nobody is registered")
        return shell.REFUSED
    if person.erased:
        say(f"{customer}: the person is erased")
        return shell.REFUSED
    if person.restricted and person.request is None:
        say(f"{customer}: the person's data are restricted, and there is no open request for them")
        return shell.REFUSED
    must_be_apart_from_the_log("OUT.zip", out, opened.settings)
    if out.exists():
        raise FileExists(f"{out}: there is a file of that name already")
    gathered = _gathered(opened, asked, customer, by, reason, dry_run=dry_run)
    content, last = access_pages.archive(gathered), gathered.events[-1]["version"]
    digest = hashlib.sha256(content)
    copy = CopyMade(own_id(customer), now, "access", customer, digest.digest(), last, out)
    answered = None if person.request is None else person.request.request
    try:
        with nullcontext() if dry_run else noted(opened, [copy]):
            if not dry_run:
                _put(out, content)
            if answered is not None:
                with tried(opened, dry_run=dry_run) as log:
                    _answer(log, customer, answered, digest.hexdigest())
    except _NotAnswered as refused:
        if not dry_run:
            out.unlink()
        return shell.failed("refused", str(refused), shell.REFUSED)
    if as_json:
        tells = {"file": str(out), "digest": digest.hexdigest(), "request": answered}
        say_json({**tells, **({"dry_run": True} if dry_run else {})})
    else:
        say(
            f"{out}: sha256 {digest.hexdigest()}"
            + ("" if answered is None else f"; request {answered} is answered")
        )
        if dry_run:
            say(NOTHING_IS_WRITTEN)
    return shell.DONE


def _gathered(
    opened: Opened, asked: Questions, customer: str, by: str, reason: str, *, dry_run: bool
) -> Gathered:
    from ledger.domain.calendar import format_instant
    from ledger.domain.customer.ids_of_customers import own_id
    from ledger.domain.customer.privacy_terms import PrivacyTerms
    from ledger.entrypoints import access_pages
    from ledger.wiring.accounts_held import accounts_held, events_of_customer
    from ledger.wiring.composition import known_terms
    from ledger.wiring.persons import serving_vault, told_last
    from projections.asking.log_answers import LogLine

    now = now_of(opened.settings)
    events = events_of_customer(opened, customer)
    person = asked.person(customer)
    policy = next((one for one in known_terms(opened.settings) if person and one.id == person.terms), None)
    classes: dict[str, tuple[str, str]] = {}
    if isinstance(policy, PrivacyTerms):
        purposes = {one.name: one.purpose for one in policy.classes}
        classes = {name: (of, purposes[of]) for name, of in policy.class_of.items()}
    with serving_vault(opened, dry_run=dry_run) as kept:
        fields = told_last(opened, kept, customer)
        values = kept.show(own_id(customer), fields, at=now, reader=by, reason=reason)
        readings = [
            {"at": format_instant(one.at), "fields": list(one.fields), "reason": one.reason}
            for one in kept.readings(own_id(customer))
        ]
    accounts = list(accounts_held(asked, events, customer))
    told = [access_pages.own(LogLine(None, None, event).to_json()) for event in events]
    zone = asked.told_in() if policy is None else policy.zone
    bills = list(_bills(opened, asked, accounts))
    return access_pages.Gathered(customer, values, classes, told, readings, accounts, bills, now, zone)


def _bills(opened: Opened, asked: Questions, accounts: list[AccountHeld]) -> Iterator[BillHeld]:
    """The bills that were issued while the account was the person's."""
    from ledger.domain.postpaid.events_of_bills import BillIssued
    from ledger.domain.postpaid.terms import PostpaidTerms
    from ledger.entrypoints import bill_pages
    from ledger.entrypoints.access_pages import BillHeld
    from ledger.terms.clauses import clause_titles
    from ledger.wiring.composition import known_terms

    terms = {one.id: one for one in known_terms(opened.settings)}
    seller = bill_pages.Seller(opened.settings.seller, opened.settings.seller_tax_number)
    for held in accounts:
        for line in held.lines:
            event = line.line.event
            if not isinstance(event, BillIssued):
                continue
            found = asked.bill(event.bill)
            under = terms.get(found.terms)
            page = None
            if isinstance(under, PostpaidTerms):
                digest = "" if line.line.digest is None else line.line.digest.hex()
                made = bill_pages.page(
                    found, (), under, seller, clause_titles(), digest
                )  # use is told beside
                page = bill_pages.as_html(made)
            yield BillHeld(found.bill, held.account, found.total, found.open, found.to_json(), page)


def _put(out: Path, content: bytes) -> None:
    """Whole or not at all, for its owner alone."""
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)


def _answer(opened: Opened, customer: str, request: str, digest: str) -> None:
    """Says in the log that a request is answered. Raises _NotAnswered where that is refused."""
    from ledger.entrypoints.principal import of_this_process

    ledger = opened.taker()
    said = {"command": "AnswerAccess", "customer": customer, "request": request, "digest": digest}
    command = reader_for(ledger, opened.settings).from_text(
        said | {"command_id": f"answer/{request}/{digest[:16]}"}
    )
    outcome = ledger.execute([command], principal=of_this_process())[0]
    if outcome.code is not None:
        raise _NotAnswered(f"{outcome.code}: {outcome.message}")


class _NotAnswered(Exception):
    pass
