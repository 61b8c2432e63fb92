"""Corrections by people: notes, fines waived, costs of collection, what is given up (SE23-02, SE23-10)."""

from __future__ import annotations

from ledger.domain.approval import must_be_another
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.line import Line
from ledger.domain.money import IDR, WRITE_OFFS, Posting, format_amount, revenue, transfer
from ledger.domain.postpaid.account import NOTE, Bill, PostpaidAccount, must_stay_countable
from ledger.domain.postpaid.advances import must_keep_advance
from ledger.domain.postpaid.breath import after_money
from ledger.domain.postpaid.commands import (
    ChargeCollectionCost,
    IssueCreditNote,
    IssueDebitNote,
    WaiveFine,
    WriteOff,
)
from ledger.domain.postpaid.contents import must_be_new
from ledger.domain.postpaid.crediting import CreditNote, content_of_note, credited, total_of
from ledger.domain.postpaid.events import CollectionCostCharged
from ledger.domain.postpaid.events_of_bills import DebitNoteIssued, FineWaived, WrittenOff
from ledger.domain.postpaid.rules_of_contracts import KINDS
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.postpaid.withdrawing import off_its_bill, taken_back, unbilled_again
from ledger.domain.refusals import AboveMaximum, NotEligible, UnknownBill, UnknownFine


def issue_credit_note(line: Line, account: PostpaidAccount, command: IssueCreditNote) -> None:
    """Takes back part of a bill, per kind no more than its lines of it."""
    must_be_another(command.approved_by, command.actor)
    credit(line, account, credit_note(line, account, command))


def credit_note(line: Line, account: PostpaidAccount, command: IssueCreditNote) -> CreditNote:
    """The note, where it may be issued. Raises Repeated, ReferenceConflict, UnknownBill, AboveMaximum, TooManyOpen."""
    content = content_of_note(command.note, command.bill, command.lines, command.reason)
    must_be_new(line, account.id, "note", command.note, content)
    bill = _bill(account, command.bill)
    terms = line.book.of(PostpaidTerms, bill.terms)
    asked: dict[str, int] = {}
    for one in command.lines:
        asked[one["kind"]] = asked.get(one["kind"], 0) + one["amount"]
    for kind, amount in asked.items():
        most = bill.lines.get(kind, 0) - bill.noted.get(kind, 0)
        if amount > most:
            raise AboveMaximum(f"{kind}: at most {format_amount(most)}")
    note = CreditNote(command.note, bill, command.lines, command.reason, command.approved_by)
    most = bill.total - bill.noted_total - bill.written_off
    total = total_of(note, terms)
    if total > most:
        raise AboveMaximum(f"at most {format_amount(most)}, tax included")
    if total > bill.open:
        must_keep_advance(account)
    return note


def credit(line: Line, account: PostpaidAccount, note: CreditNote) -> None:
    """Issues a note that may be issued."""
    terms = line.book.of(PostpaidTerms, note.bill.terms)
    line.emit_each([credited(account, note, terms)], of=account)
    _after(line, account)


def issue_debit_note(line: Line, account: PostpaidAccount, command: IssueDebitNote) -> None:
    """Charges something more for a bill; the next bill carries it, taxed there, beside the commitment."""
    must_be_another(command.approved_by, command.actor)
    must_debit(line, account, command)
    debit(line, account, command)


def must_debit(line: Line, account: PostpaidAccount, command: IssueDebitNote) -> None:
    """Whether it may be issued. Raises Repeated, ReferenceConflict, UnknownBill, NotEligible and AboveMaximum."""
    content = content_of_note(command.note, command.bill, command.lines, command.reason)
    must_be_new(line, account.id, "note", command.note, content)
    _bill(account, command.bill)
    if unknown := sorted({one["kind"] for one in command.lines} - set(KINDS)):
        raise NotEligible(f"bills have no lines of {', '.join(unknown)}")
    must_stay_countable(account, sum(one["amount"] for one in command.lines))


def debit(line: Line, account: PostpaidAccount, command: IssueDebitNote) -> None:
    """Issues one that may be issued."""
    total = sum(one["amount"] for one in command.lines)
    sums: dict[str, int] = {account.name("unbilled"): total}
    for one in command.lines:
        name = revenue(one["kind"])
        sums[name] = sums.get(name, 0) - one["amount"]
    postings: list[Posting] = [
        {"account": name, "unit": IDR, "amount": amount} for name, amount in sums.items()
    ]
    line.emit(
        DebitNoteIssued,
        of=account,
        clause=line.book.of(PostpaidTerms, account.terms).clauses.notes,
        postings=postings,
        note=command.note,
        number=f"{account.msisdn}-{account.generation}-D{account.debit_note_count + 1:04}",
        bill=command.bill,
        lines=command.lines,
        total=total,
        reason=command.reason,
        approved_by=command.approved_by,
        content=content_of_note(command.note, command.bill, command.lines, command.reason),
    )


def waive_fine(line: Line, account: PostpaidAccount, command: WaiveFine) -> None:
    """Waives a fine, which still counts; one that a bill carries is taken back by a credit note."""
    must_be_another(command.approved_by, command.actor)
    fine = account.fine(command.fine)
    if fine is None or fine.waived or fine.withdrawn:
        raise UnknownFine(command.fine)
    terms = line.book.of(PostpaidTerms, account.terms)
    line.emit(
        FineWaived,
        of=account,
        clause=None if terms.late_fine is None else terms.late_fine.clause,
        postings=unbilled_again(account, fine),
        fine=fine.id,
        bill=fine.id.rpartition("/")[0],
        amount=fine.amount,
        carried_by=fine.carried_by,
        reason=command.reason,
        approved_by=command.approved_by,
    )
    line.emit_each(off_its_bill(account, fine, "waived", command.approved_by, terms), of=account)
    _after(line, account)


def charge_collection_cost(line: Line, account: PostpaidAccount, command: ChargeCollectionCost) -> None:
    """What it cost to collect, on the next bill, untaxed (SE23-10)."""
    must_be_another(command.approved_by, command.actor)
    must_stay_countable(account, command.amount)
    line.emit(
        CollectionCostCharged,
        of=account,
        clause=line.book.of(PostpaidTerms, account.terms).clauses.collection,
        postings=transfer(IDR, revenue("collection"), account.name("unbilled"), command.amount),
        amount=command.amount,
        reference=command.reference,
        approved_by=command.approved_by,
    )


def write_off(line: Line, account: PostpaidAccount, command: WriteOff) -> None:
    """Gives up what is open on a bill, or part of it."""
    must_be_another(command.approved_by, command.actor)
    bill = _bill(account, command.bill)
    if command.amount > bill.open:
        raise AboveMaximum(f"{format_amount(bill.open)} is open")
    line.emit(
        WrittenOff,
        of=account,
        postings=transfer(IDR, account.name("billed"), WRITE_OFFS, command.amount),
        bill=bill.id,
        amount=command.amount,
        reason=command.reason,
        approved_by=command.approved_by,
    )
    _after(line, account)


def _bill(account: PostpaidAccount, id_: str) -> Bill:
    bill = account.bill(id_)
    if bill is None:
        raise UnknownBill(id_)
    return bill


def _after(line: Line, account: PostpaidAccount) -> None:
    terms = line.book.of(PostpaidTerms, account.terms)
    line.emit_each(after_money(account, line.cause.at, terms), of=account)


# --- what it changes ------------------------------------------------------------------------------------------------


def _debit_note_issued(account: PostpaidAccount, event: DebitNoteIssued, _: PostpaidTerms) -> None:
    account.debit_note_count += 1
    for one in event.lines:
        account.charge(one["kind"], one["amount"], NOTE)


def _fine_waived(account: PostpaidAccount, event: FineWaived, _: PostpaidTerms) -> None:
    taken_back(account, account.change_fine(event.fine, waived=True))


def _collection_cost(account: PostpaidAccount, event: CollectionCostCharged, _: PostpaidTerms) -> None:
    account.charge("collection", event.amount)


def _written_off(account: PostpaidAccount, event: WrittenOff, _: PostpaidTerms) -> None:
    bill = account.bill(event.bill)
    if bill is not None:
        bill.written_off += event.amount
        account.reduce(bill, event.amount)


CHANGES: ChangesByEvent = {
    DebitNoteIssued: _debit_note_issued,
    FineWaived: _fine_waived,
    CollectionCostCharged: _collection_cost,
    WrittenOff: _written_off,
}
