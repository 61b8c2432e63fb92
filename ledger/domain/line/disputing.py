"""Disputes: opened, argued, decided once and again, opened anew (SE23-02, XE25-01).

Nothing about one holds anything back, and only a correction moves money, with two persons. They are taken whatever the
account's state.
"""

from __future__ import annotations

from ledger.domain.approval import canonical, must_be_another
from ledger.domain.line.account import Account, must_leave_room
from ledger.domain.line.dispute_commands import (
    CORRECTED,
    OVERRIDDEN,
    REJECTED,
    AttachEvidence,
    DecideDispute,
    OpenDispute,
    RaiseDispute,
    ReopenDispute,
)
from ledger.domain.line.dispute_events import (
    DisputeOpened,
    DisputeRejected,
    DisputeReopened,
    DisputeWithdrawn,
    EvidenceAttached,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.line.disputed_records import MOST_CITED, cited, events_between, record_of, said
from ledger.domain.line.disputes import BALANCE, Dispute, corrections_of, remembered
from ledger.domain.line.line import Line
from ledger.domain.line.product import PRODUCTS
from ledger.domain.money import format_amount
from ledger.domain.refusals import AboveMaximum, ApprovalRequired, NotEligible, TooLate, TooManyOpen
from ledger.domain.refusals_of_disputes import (
    AlreadyDecided,
    AlreadyReopened,
    DisputeExists,
    EvidenceSeen,
    UnknownDispute,
)

CUSTOMERS_OWN = "C-"
"""How the ids of customers' own disputes begin."""
MOST_EVIDENCE = 100
"""Pieces of evidence of one dispute."""


def open_dispute(line: Line, account: Account, command: OpenDispute) -> None:
    """A customer's own."""
    if not command.dispute.startswith(CUSTOMERS_OWN):
        raise NotEligible(f"a customer's own dispute is called {CUSTOMERS_OWN}…")
    _open(line, account, command, None)


def raise_dispute(line: Line, account: Account, command: RaiseDispute) -> None:
    """One that a line of a statement has brought about."""
    _open(line, account, command, command)


def _open(
    line: Line,
    account: Account,
    command: OpenDispute | RaiseDispute,
    raised: RaiseDispute | None,
) -> None:
    if line.claimed(account.id, "dispute", command.dispute):
        raise DisputeExists(command.dispute)
    product, terms = PRODUCTS[account.PRODUCT], line.rules(account.terms)
    if command.about not in product.disputable:
        raise NotEligible(f"the account is {account.PRODUCT}")
    record = record_of(line, account, command.about, command.refers_to, command.unit)
    since = max(line.cause.at - terms.dispute_window, account.disputable_from)
    if record.events and record.stood_at < since:
        raise TooLate(f"within {terms.dispute_days} days")
    if not (record.events or command.claimed or command.about == BALANCE):
        raise NotEligible("nothing is claimed, and nothing is recorded")
    must_leave_room(remembered(account, line.cause.at - terms.dispute_window))
    versions = [event.version for event in record.events]
    dispute = Dispute(
        command.dispute,
        command.about,
        command.refers_to,
        versions,
        record.stood_at,
        command.claimed,
        command.unit,
        command.opened_by,
        None if raised is None else raised.statement,
        None if raised is None else raised.line,
    )
    line.emit(
        DisputeOpened,
        of=account,
        clause=product.clause_of_disputes(terms),
        dispute=command.dispute,
        about=command.about,
        refers_to=command.refers_to,
        records=cited(line, account, versions),
        stood_at=record.stood_at,
        claimed=command.claimed,
        system=said(line, account, dispute),
        unit=command.unit,
        reason=command.reason,
        opened_by=command.opened_by,
        assignee=command.assignee,
        due_on=command.due_on,
        statement=dispute.statement,
        line=dispute.line,
        raw=None if raised is None else raised.raw,
    )


def attach_evidence(line: Line, account: Account, command: AttachEvidence) -> None:
    """Once each; the log has the digest of the file alone."""
    dispute = _to_decide(line, account, command.dispute)
    if command.digest in dispute.evidence:
        raise EvidenceSeen
    if len(dispute.evidence) >= MOST_EVIDENCE:
        raise TooManyOpen(f"{len(dispute.evidence)} pieces of evidence are attached")
    line.emit(
        EvidenceAttached,
        of=account,
        dispute=dispute.id,
        digest=command.digest,
        media_type=command.media_type,
        title=command.title,
        lies_in=command.lies_in,
    )


def decide_dispute(line: Line, account: Account, command: DecideDispute) -> None:
    """Ends it: the system record prevails, is corrected, or nothing comes of it."""
    dispute = _to_decide(line, account, command.dispute)
    if canonical(command.decided_by) != canonical(command.actor):
        raise NotEligible("who decides it is the actor")
    if command.decision == CORRECTED:
        _correct(line, account, dispute, command)
        return
    if command.amount is not None or command.lines is not None:
        raise NotEligible("only a correction has an amount")
    if command.decision == OVERRIDDEN:
        _override(line, account, dispute, command)
        return
    if command.decision != REJECTED and canonical(command.decided_by) != canonical(dispute.opened_by):
        raise NotEligible("only who opened it withdraws it")
    line.emit(
        DisputeRejected if command.decision == REJECTED else DisputeWithdrawn,
        of=account,
        clause=PRODUCTS[account.PRODUCT].clause_of_disputes(line.rules(account.terms)),
        dispute=dispute.id,
        reason=command.reason,
        decided_by=command.decided_by,
    )


def _override(line: Line, account: Account, dispute: Dispute, command: DecideDispute) -> None:
    """The system record prevails: what it says is computed, and cited with the digests that prove it."""
    product = PRODUCTS[account.PRODUCT]
    product.must_override(
        dispute, [event for v in dispute.records for event in events_between(line, account, v, v)]
    )
    system = said(line, account, dispute)
    if system == dispute.claimed:
        raise NotEligible("nothing differs")
    corrections = [version for one in corrections_of(account, dispute) for version in one.corrections]
    versions = sorted({*dispute.records, *corrections})
    if len(versions) > MOST_CITED:
        raise AboveMaximum(f"{MOST_CITED} events can be cited")
    head = cited(line, account, [account.version])[0]
    line.emit(
        StatementOverridden,
        of=account,
        clause=product.clause_of_disputes(line.rules(account.terms)),
        dispute=dispute.id,
        about=dispute.about,
        refers_to=dispute.refers_to,
        records=cited(line, account, versions),
        head_version=head["version"],
        head_digest=head["digest"],
        stood_at=dispute.stood_at,
        known_at=line.cause.at,
        stated=dispute.claimed,
        system=system,
        difference=dispute.claimed - system,
        unit=dispute.unit,
        reason=command.reason,
        decided_by=command.decided_by,
        approved_by=command.approved_by,
        statement=dispute.statement,
        line=dispute.line,
    )


def _correct(line: Line, account: Account, dispute: Dispute, command: DecideDispute) -> None:
    """The system was wrong: with two persons, and never by more than is claimed."""
    if command.approved_by is None:
        raise ApprovalRequired
    for somebody in (command.decided_by, dispute.opened_by):
        must_be_another(command.approved_by, somebody)
    system = said(line, account, dispute)
    most = dispute.claimed - system
    if most == 0:
        raise NotEligible("nothing differs")
    amount = most if command.amount is None else command.amount
    if amount * most < 0 or abs(amount) > abs(most):
        raise AboveMaximum(f"at most {format_amount(most)}")
    product = PRODUCTS[account.PRODUCT]
    remedy = product.remedy(line, account, dispute, command, amount)
    line.emit(
        SystemCorrected,
        of=account,
        clause=product.clause_of_disputes(line.rules(account.terms)),
        postings=remedy.postings,
        dispute=dispute.id,
        about=dispute.about,
        refers_to=dispute.refers_to,
        records=cited(line, account, dispute.records),
        stood_at=dispute.stood_at,
        claimed=dispute.claimed,
        system=system,
        amount=amount,
        unit=dispute.unit,
        kind=remedy.kind,
        remedied=remedy.moved,
        reason=command.reason,
        decided_by=command.decided_by,
        approved_by=command.approved_by,
    )
    remedy.then()


def reopen_dispute(line: Line, account: Account, command: ReopenDispute) -> None:
    """Once, on evidence that was not seen before."""
    dispute = account.disputes.get(command.dispute)
    terms = line.rules(account.terms)
    if dispute is None:
        if line.claimed(account.id, "dispute", command.dispute):
            raise TooLate(f"within {terms.dispute_days} days")
        raise UnknownDispute(command.dispute)
    if dispute.reopened:
        raise AlreadyReopened
    if dispute.decided_at is None:
        raise NotEligible("it is open")
    if line.cause.at - dispute.decided_at > terms.dispute_window:
        raise TooLate(f"within {terms.dispute_days} days")
    if command.digest in dispute.evidence:
        raise EvidenceSeen
    line.emit(DisputeReopened, of=account, dispute=dispute.id, reason=command.reason, digest=command.digest)


def _to_decide(line: Line, account: Account, id_: str) -> Dispute:
    """A dispute that is open. Raises UnknownDispute, or AlreadyDecided."""
    dispute = account.disputes.get(id_)
    if dispute is None:
        if line.claimed(account.id, "dispute", id_):
            raise AlreadyDecided
        raise UnknownDispute(id_)
    if not dispute.is_open:
        raise AlreadyDecided
    return dispute
