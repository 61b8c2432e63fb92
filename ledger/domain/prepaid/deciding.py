"""What each command does to a prepaid line: a wall of guards, each a refusal by name, and then the events.

A decision reads the line as it stands at the command's time (it is advanced before), and never half happens: all
guards come before the first event. The order of checks and the postings are the language's (`schemas/README.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.domain import refusals
from ledger.domain.approval import must_be_another
from ledger.domain.calendar import day_number, day_of_number, format_instant
from ledger.domain.commands import Command
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.events import (
    Blocked,
    CardReplaced,
    RightsTransferred,
    RightsTransferRefused,
    RightsTransferRequested,
    Terminated,
    TermsMigrated,
    Unblocked,
)
from ledger.domain.line.line import Line
from ledger.domain.line.number import ASSIGNED, AVAILABLE
from ledger.domain.money import (
    ADJUSTMENTS,
    BREAKAGE,
    CASH,
    CHARGES,
    CREDIT_ISSUED,
    CREDIT_SALES,
    FEES,
    IDR,
    LARGEST_BALANCE,
    PULSA,
    USAGE,
    Posting,
    format_amount,
    transfer,
)
from ledger.domain.prepaid.account import ACTIVE, FINAL, GRACE, INACTIVE, WAITING, Account
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    ReturnCreditTransfer,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    Activated,
    CreditAdjusted,
    CreditCharged,
    CreditReserved,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferReturned,
    CreditTransferSent,
    NumberReclaimed,
    RegistrationFailed,
    ReservationCaptured,
    ServiceRestored,
    StarterPackIssued,
    TopUpReversed,
)
from ledger.domain.prepaid.recording_use import record_usage
from ledger.domain.prepaid.terms import CreditTransfer, PrepaidTerms
from ledger.domain.prepaid.validity import end_after
from ledger.domain.terms import Ground

_CLOSED: dict[str, type[refusals.Refusal]] = {
    "expired": refusals.AccountExpired,
    "deactivated": refusals.AccountDeactivated,
    "terminated": refusals.AccountTerminated,
}
_BEFORE_ACTIVATION = (Activate, Terminate)


def decide(line: Line, command: Command) -> None:
    """Does what the command asks on a line that is advanced to `line.cause.at`.

    Raises a Refusal; a refused use has emitted its `UsageRefused` by then, nothing else has emitted anything.
    """
    if command.NUMBER_ITSELF:
        _OF_NUMBERS[type(command)](line, command)
        return
    if isinstance(command, RecordUsage):
        record_usage(line, command)
        return
    account = line.current
    if account.state in FINAL:
        if isinstance(command, Activate) and account.state == "expired":
            raise refusals.PackExpired
        raise _CLOSED[account.state]
    if account.state == INACTIVE and not isinstance(command, _BEFORE_ACTIVATION):
        raise refusals.NotActive
    _OF_ACCOUNTS[type(command)](line, account, command)


# --- shared guards --------------------------------------------------------------------------------------------------


def _must_be_free_to_spend(account: Account, service: str | None = None) -> None:
    """What refuses chargeable outgoing use refuses every other spending too (SP23-14, SP23-17, SP23-22)."""
    if account.state == GRACE:
        raise refusals.InGrace
    if account.state == WAITING:
        raise refusals.InWaiting
    for block in account.blocks.values():
        if block.scope in {"outgoing", "all"} or block.scope == service:
            raise refusals.UseBlocked(block.block)


def _must_have(account: Account, amount: int) -> None:
    if amount > account.available:
        detail = f"{format_amount(account.available)} available, {format_amount(amount)} asked"
        raise refusals.InsufficientCredit(detail)


def _must_stay_countable(account: Account, amount: int) -> None:
    if account.credit + amount > LARGEST_BALANCE:
        raise refusals.AboveMaximum


def _ground(line: Line, command: Any) -> Ground:  # noqa: ANN401 - Block and Terminate
    """The ground of the terms that the command names, with what it asks for (SP23-24)."""
    ground = line.terms.ground(command.ground)
    if ground is None:
        raise refusals.GroundNotInTerms(command.ground)
    if ground.requires == "reference" and not command.reference:
        raise refusals.ReferenceRequired("reference")
    if ground.requires == "since":
        if command.since is None:
            raise refusals.ReferenceRequired("since")
        if command.since > line.cause.at:
            raise refusals.InTheFuture("since")
        if line.terms.zone.plus_months(command.since, ground.months) > line.cause.at:
            detail = f"it has to last {ground.months} months"
            raise refusals.NotEligible(detail)
    return ground


def _credit_account(account: Account) -> str:
    return f"{account.id}/credit"


# --- the number -----------------------------------------------------------------------------------------------------


def _named(line: Line, terms_id: str) -> PrepaidTerms:
    """The terms that a command names. Raises NotEligible where they are another product's."""
    terms = line.book[terms_id]
    if not isinstance(terms, PrepaidTerms):
        raise refusals.NotEligible(f"{terms_id} is of {terms.product}")
    return terms


def _issue_starter_pack(line: Line, command: IssueStarterPack) -> None:
    terms = _named(line, command.terms)
    if line.number_state != AVAILABLE:
        raise refusals.NumberNotAvailable(line.number_state)
    day = day_of_number(command.valid_until)
    expires_at = terms.zone.end_of_days(terms.zone.midnight(day), 0)
    if expires_at <= line.cause.at:
        raise refusals.TooLate("valid_until has passed")
    line.open(
        StarterPackIssued,
        command.terms,
        terms.starter_pack.clause,
        printed_credit=command.printed_credit,
        expires_at=expires_at,
    )


def _reclaim_number(line: Line, command: ReclaimNumber) -> None:
    rule = _named(line, command.terms).reclaim
    if line.number_state == ASSIGNED:
        raise refusals.NumberNotAvailable(ASSIGNED)
    if line.number.holder is None or line.number.holder != command.customer:
        raise refusals.NotEligible("only its last holder may ask for it")
    if command.decision != "approved":
        raise refusals.ApprovalRequired("the operator did not agree")
    if command.fee_paid is not None and command.fee_paid < rule.fee:
        raise refusals.BelowMinimum(f"the fee is {format_amount(rule.fee)}")
    if command.fee_paid is not None and command.fee_paid > rule.fee:
        raise refusals.AboveMaximum(f"the fee is {format_amount(rule.fee)}")
    line.open(
        NumberReclaimed,
        command.terms,
        rule.clause,
        postings=transfer(IDR, FEES, CASH, rule.fee),
        customer=command.customer,
        decided_by=command.decided_by,
        fee=rule.fee,
    )


def _advance_time(_: Line, __: AdvanceTime) -> None:
    """Nothing more: the line is advanced before every command."""


def _return_credit_transfer(line: Line, command: ReturnCreditTransfer) -> None:
    account = line.account
    if account is None or account.id != command.account:
        account = line.former[command.account]
    both = command.amount + command.fee
    to_breakage = account.is_final
    postings: list[Posting] = [
        {"account": f"{account.id}/in-transit", "unit": PULSA, "amount": -command.amount},
        {"account": BREAKAGE if to_breakage else _credit_account(account), "unit": PULSA, "amount": both},
    ]
    if command.fee:
        postings.insert(1, {"account": FEES, "unit": PULSA, "amount": -command.fee})
    rule = line.book.of(PrepaidTerms, account.terms).credit_transfer
    line.emit(
        CreditTransferReturned,
        of=account,
        clause=rule.clause if rule else None,
        postings=postings,
        transfer=command.transfer,
        to_msisdn=command.to_msisdn,
        amount=command.amount,
        fee=command.fee,
        refusal=command.refusal,
        to_breakage=to_breakage,
    )


# --- activation and credit ------------------------------------------------------------------------------------------


def _activate(line: Line, account: Account, command: Activate) -> None:
    if account.state != INACTIVE:
        raise refusals.AlreadyActive
    terms = line.terms
    if command.registration == "failed":
        clause = terms.clauses.registration_failed
        line.emit(RegistrationFailed, clause=clause, channel=command.channel, customer=command.customer)
        return
    days = terms.starter_pack.days
    line.emit(
        Activated,
        clause=terms.clauses.activation,
        postings=transfer(PULSA, CREDIT_ISSUED, _credit_account(account), account.printed_credit),
        channel=command.channel,
        customer=command.customer,
        credit=account.printed_credit,
        active_until=None if days is None else terms.zone.end_of_days(line.cause.at, days),
    )


def _top_up(line: Line, account: Account, command: TopUp) -> None:
    terms, at = line.terms, line.cause.at
    days = terms.days_of(command.credit)
    if terms.top_up.denominations and days is None:
        smallest = format_amount(terms.top_up.denominations[0].credit)
        raise refusals.BelowMinimum(f"the smallest denomination is {smallest}")
    waiting = account.state == WAITING
    if waiting and command.credit < terms.waiting.minimum:
        raise refusals.BelowMinimum(f"in the waiting period at least {format_amount(terms.waiting.minimum)}")
    _must_stay_countable(account, command.credit)
    cap_days = terms.cap_days(at)
    active_until = _end_after(account, terms, at, days, cap_days)
    if waiting and account.forfeits_under is not None:
        rule = line.book.of(PrepaidTerms, account.forfeits_under).forfeiture
        line.forfeit(at, "restored", rule.clause, terms=account.forfeits_under)
    line.emit(
        CreditToppedUp,
        clause=terms.top_up.clause,
        postings=transfer(PULSA, CREDIT_ISSUED, _credit_account(account), command.credit)
        + transfer(IDR, CREDIT_SALES, CASH, command.price),
        credit=command.credit,
        price=command.price,
        channel=command.channel,
        days=days,
        extension=None if days is None else terms.top_up.extension,
        cap_days=cap_days,
        active_until=active_until,
    )
    if waiting:
        line.emit(ServiceRestored, clause=terms.clauses.restoration, active_until=active_until)


def _end_after(
    account: Account, terms: PrepaidTerms, at: int, days: int | None, cap_days: int | None
) -> int | None:
    """The end of validity after a grant of days: past by now in grace and waiting, where no period runs."""
    return end_after(
        terms.zone,
        end=account.active_until,
        granted_at=at,
        days=days,
        rule=terms.top_up.extension,
        cap_days=cap_days,
    )


def _reverse_top_up(line: Line, account: Account, command: ReverseTopUp) -> None:
    terms, at = line.terms, line.cause.at
    must_be_another(command.approved_by, command.actor)
    grant = next(
        (g for g in account.grants if g.command_id == command.reverses and g.recoverable is not None), None
    )
    if grant is None:
        if line.claimed(account.id, "top-up", command.reverses):
            raise refusals.TooLate(f"within {terms.reversal_days} days")
        raise refusals.UnknownTopUp(command.reverses)
    if at - grant.at > terms.reversal_window or grant.at < account.reversible_from:
        raise refusals.TooLate(f"within {terms.reversal_days} days")
    if grant.reversed:
        raise refusals.AlreadyReversed
    credit = grant.credit
    taken = min(grant.recoverable or 0, account.available)
    active_until = account.active_until
    if account.state == ACTIVE:
        end = account.end_without(command.reverses)
        active_until = None if end is None else max(end, at)
    line.emit(
        TopUpReversed,
        clause=terms.top_up.clause,
        postings=transfer(PULSA, _credit_account(account), CREDIT_ISSUED, taken),
        reverses=command.reverses,
        reason=command.reason,
        approved_by=command.approved_by,
        taken=taken,
        not_taken=credit - taken,
        active_until=active_until,
    )


def _charge_credit(line: Line, account: Account, command: ChargeCredit) -> None:
    _must_be_free_to_spend(account)
    _must_have(account, command.amount)
    line.emit(
        CreditCharged,
        clause=line.terms.clauses.charge,
        postings=transfer(PULSA, _credit_account(account), CHARGES, command.amount),
        amount=command.amount,
        item=command.item,
    )


def _adjust_credit(line: Line, account: Account, command: AdjustCredit) -> None:
    at = line.cause.at
    effective_at = at if command.effective_at is None else command.effective_at
    must_be_another(command.approved_by, command.actor)
    if effective_at > at:
        raise refusals.InTheFuture("effective_at")
    if effective_at < account.opened_at:
        raise refusals.TooLate(f"the account began at {format_instant(account.opened_at)}")
    _must_have(account, -command.amount)
    _must_stay_countable(account, command.amount)
    line.emit(
        CreditAdjusted,
        effective_at=effective_at,
        postings=transfer(PULSA, ADJUSTMENTS, _credit_account(account), command.amount),
        amount=command.amount,
        reason=command.reason,
        approved_by=command.approved_by,
    )


# --- reservations ---------------------------------------------------------------------------------------------------


def _reserve_credit(line: Line, account: Account, command: ReserveCredit) -> None:
    if line.claimed(account.id, "reservation", command.reservation):
        raise refusals.ReservationExists(command.reservation)
    if command.expires_at <= line.cause.at:
        raise refusals.TooLate("expires_at")
    _must_be_free_to_spend(account, command.service)
    _must_have(account, command.amount)
    line.emit(
        CreditReserved,
        clause=line.terms.clauses.use,
        postings=transfer(PULSA, _credit_account(account), f"{account.id}/reserved", command.amount),
        reservation=command.reservation,
        amount=command.amount,
        expires_at=command.expires_at,
        service=command.service,
    )


def _capture_reservation(line: Line, account: Account, command: CaptureReservation) -> None:
    held = account.reservations.get(command.reservation)
    if held is None:
        raise refusals.UnknownReservation(command.reservation)
    if command.amount > held.amount:
        raise refusals.AboveMaximum(f"{format_amount(held.amount)} is held")
    freed = held.amount - command.amount
    postings: list[Posting] = [
        {"account": f"{account.id}/reserved", "unit": PULSA, "amount": -held.amount},
        {"account": USAGE, "unit": PULSA, "amount": command.amount},
        {"account": _credit_account(account), "unit": PULSA, "amount": freed},
    ]
    line.emit(
        ReservationCaptured,
        clause=line.terms.clauses.use,
        postings=[p for p in postings if p["amount"]],
        reservation=command.reservation,
        amount=command.amount,
        freed=freed,
    )


def _release_reservation(line: Line, account: Account, command: ReleaseReservation) -> None:
    if command.reservation not in account.reservations:
        raise refusals.UnknownReservation(command.reservation)
    line.release(command.reservation, "asked", line.cause.at)


# --- blocks, cards, rights, terms -----------------------------------------------------------------------------------


def _block(line: Line, account: Account, command: Block) -> None:
    if line.claimed(account.id, "block", command.block):
        raise refusals.BlockExists(command.block)
    ground = _ground(line, command)
    line.emit(
        Blocked,
        clause=ground.clause,
        block=command.block,
        scope=command.scope,
        ground=command.ground,
        reference=command.reference,
        since=command.since,
    )


def _unblock(line: Line, account: Account, command: Unblock) -> None:
    if command.block not in account.blocks:
        raise refusals.UnknownBlock(command.block)
    line.emit(Unblocked, clause=line.terms.clauses.unblock, block=command.block)


def _replace_card(line: Line, account: Account, command: ReplaceCard) -> None:
    if not command.identity_checked:
        raise refusals.IdentityRequired
    rule = line.terms.card_replacement
    _must_have(account, sum(fee.amount for fee in rule.fees))
    postings = [p for fee in rule.fees for p in transfer(PULSA, _credit_account(account), FEES, fee.amount)]
    fees = [{"name": fee.name, "amount": fee.amount} for fee in rule.fees]
    line.emit(CardReplaced, clause=rule.clause, postings=postings, iccid=command.iccid, fees=fees)


def _request_rights_transfer(line: Line, account: Account, command: RequestRightsTransfer) -> None:
    if line.claimed(account.id, "request", command.request):
        raise refusals.NotEligible("the request's id has been used before")
    if command.to_customer == account.holder:
        raise refusals.NotEligible("the number is that customer's already")
    clause = line.terms.clauses.rights_transfer
    line.emit(
        RightsTransferRequested, clause=clause, request=command.request, to_customer=command.to_customer
    )


def _decide_rights_transfer(line: Line, account: Account, command: DecideRightsTransfer) -> None:
    to_customer = account.requests.get(command.request)
    if to_customer is None:
        raise refusals.UnknownRequest(command.request)
    clause = line.terms.clauses.rights_transfer
    own: dict[str, Any] = {
        "request": command.request,
        "decided_by": command.decided_by,
        "reason": command.reason,
    }
    if command.decision == "approved":
        line.emit(
            RightsTransferred,
            clause=clause,
            from_customer=account.holder,
            to_customer=to_customer,
            **own,
        )
    else:
        line.emit(RightsTransferRefused, clause=clause, **own)


def _migrate_terms(line: Line, account: Account, command: MigrateTerms) -> None:
    terms = _named(line, command.terms)
    if command.terms == account.terms:
        raise refusals.NotEligible("the account is under these terms already")
    line.emit(
        TermsMigrated,
        terms=command.terms,
        clause=terms.clauses.migration,
        from_terms=account.terms,
        to_terms=command.terms,
    )


def _terminate(line: Line, account: Account, command: Terminate) -> None:
    ground = _ground(line, command)
    clause = ground.clause or line.terms.clauses.termination
    for name, _ in sorted(account.reservations.items(), key=lambda r: (r[1].expires_at, r[0])):
        line.release(name, "terminated", line.cause.at)
    line.forfeit(line.cause.at, "terminated", clause)
    line.emit(
        Terminated, clause=clause, ground=command.ground, reference=command.reference, since=command.since
    )


# --- credit transfer ------------------------------------------------------------------------------------------------


def _transfer_credit(line: Line, account: Account, command: TransferCredit) -> None:
    if command.to_msisdn == account.msisdn:
        raise refusals.NotEligible("to itself")
    _must_be_free_to_spend(account)
    terms, at = line.terms, line.cause.at
    rule = terms.credit_transfer
    if rule is None:
        raise refusals.NotEligible("the terms have no credit transfer")
    if command.amount < rule.minimum:
        raise refusals.BelowMinimum(f"at least {format_amount(rule.minimum)}")
    band = terms.band_of(command.amount)
    if band is None:
        raise refusals.AboveMaximum(f"at most {format_amount(rule.bands[-1].up_to)}")
    day = day_number(terms.zone.day(at))
    _must_be_within_limits(account, rule, command.amount, day, at)
    _must_have(account, command.amount + band.fee)
    if account.available - command.amount - band.fee < rule.sender_keeps:
        raise refusals.MustKeepMinimum(format_amount(rule.sender_keeps))
    postings: list[Posting] = [
        {"account": _credit_account(account), "unit": PULSA, "amount": -command.amount - band.fee},
        {"account": f"{account.id}/in-transit", "unit": PULSA, "amount": command.amount},
    ]
    if band.fee:
        postings.append({"account": FEES, "unit": PULSA, "amount": band.fee})
    line.emit(
        CreditTransferSent,
        clause=rule.clause,
        postings=postings,
        transfer=f"{account.id}/{command.command_id}",
        to_msisdn=command.to_msisdn,
        amount=command.amount,
        fee=band.fee,
        days=band.days,
        day=day,
    )


def _must_be_within_limits(account: Account, rule: CreditTransfer, amount: int, day: int, at: int) -> None:
    if rule.multiple_of and amount % rule.multiple_of:
        raise refusals.NotEligible(f"only multiples of {format_amount(rule.multiple_of)}")
    if at - (account.activated_at or at) < rule.days_on_network * 86_400_000_000:
        raise refusals.NotEligible(f"after {rule.days_on_network} days on the network")
    same_day = account.sent_on == day
    count = account.sent_count if same_day else 0
    sent = account.sent_amount if same_day else 0
    if rule.daily_count is not None and count >= rule.daily_count:
        raise refusals.LimitReached(f"{rule.daily_count} transfers a day")
    if rule.daily_amount is not None and sent + amount > rule.daily_amount:
        raise refusals.LimitReached(f"{format_amount(rule.daily_amount)} a day")


def _receive_credit_transfer(line: Line, account: Account, command: ReceiveCreditTransfer) -> None:
    if account.state == WAITING:
        raise refusals.InWaiting
    _must_stay_countable(account, command.amount)
    terms, at = line.terms, line.cause.at
    days = command.days if terms.has_validity else 0
    cap_days = terms.cap_days(at)
    active_until = _end_after(account, terms, at, days, cap_days) if days else account.active_until
    rule = terms.credit_transfer
    line.emit(
        CreditTransferReceived,
        clause=rule.clause if rule else None,
        postings=transfer(
            PULSA, f"{command.from_account}/in-transit", _credit_account(account), command.amount
        ),
        transfer=command.transfer,
        from_account=command.from_account,
        amount=command.amount,
        days=days,
        extension=terms.top_up.extension if days else None,
        cap_days=cap_days,
        active_until=active_until,
    )


_OF_NUMBERS: dict[type[Command], Callable[[Line, Any], None]] = {
    IssueStarterPack: _issue_starter_pack,
    ReclaimNumber: _reclaim_number,
    AdvanceTime: _advance_time,
    ReturnCreditTransfer: _return_credit_transfer,
}

_OF_ACCOUNTS: dict[type[Command], Callable[[Line, Account, Any], None]] = {
    Activate: _activate,
    TopUp: _top_up,
    ReverseTopUp: _reverse_top_up,
    ChargeCredit: _charge_credit,
    AdjustCredit: _adjust_credit,
    ReserveCredit: _reserve_credit,
    CaptureReservation: _capture_reservation,
    ReleaseReservation: _release_reservation,
    Block: _block,
    Unblock: _unblock,
    ReplaceCard: _replace_card,
    RequestRightsTransfer: _request_rights_transfer,
    DecideRightsTransfer: _decide_rights_transfer,
    MigrateTerms: _migrate_terms,
    Terminate: _terminate,
    TransferCredit: _transfer_credit,
    ReceiveCreditTransfer: _receive_credit_transfer,
}
