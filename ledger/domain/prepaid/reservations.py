"""Reservations: credit held for what is not yet known to cost so much; each under an id of its own, used once."""

from __future__ import annotations

from ledger.domain.events import Draft
from ledger.domain.line.account import must_leave_room
from ledger.domain.line.line import Line
from ledger.domain.money import PULSA, USAGE, Posting, format_amount, transfer
from ledger.domain.prepaid.account import PrepaidAccount, Reservation
from ledger.domain.prepaid.commands import CaptureReservation, ReleaseReservation, ReserveCredit
from ledger.domain.prepaid.credit import must_be_free_to_spend, must_have
from ledger.domain.prepaid.events import CreditReserved, ReservationCaptured, ReservationReleased
from ledger.domain.refusals import AboveMaximum, ReservationExists, TooLate, UnknownReservation


def by_expiry(account: PrepaidAccount) -> list[tuple[str, Reservation]]:
    """What is held, in the order in which it is freed: by expiry, then id."""
    return sorted(account.reservations.items(), key=lambda held: (held[1].expires_at, held[0]))


def released(account: PrepaidAccount, reservation: str, cause: str) -> Draft:
    """What a reservation holds becomes credit again."""
    amount = account.reservations[reservation].amount
    postings = transfer(PULSA, f"{account.id}/reserved", account.credit_name, amount)
    own = {"reservation": reservation, "amount": amount, "cause": cause}
    return Draft(ReservationReleased, None, postings, own)


def reserve_credit(line: Line, account: PrepaidAccount, command: ReserveCredit) -> None:
    """Holds part of the available credit, refused like the use that it is for."""
    if line.claimed(account.id, "reservation", command.reservation):
        raise ReservationExists(command.reservation)
    must_leave_room(account.reservations)
    if command.expires_at <= line.cause.at:
        raise TooLate("expires_at")
    must_be_free_to_spend(account, command.service)
    must_have(account, command.amount)
    line.emit(
        CreditReserved,
        clause=line.terms.clauses.use,
        postings=transfer(PULSA, account.credit_name, f"{account.id}/reserved", command.amount),
        reservation=command.reservation,
        amount=command.amount,
        expires_at=command.expires_at,
        service=command.service,
    )


def capture_reservation(line: Line, account: PrepaidAccount, command: CaptureReservation) -> None:
    """Takes up to what is held, and frees the rest."""
    held = account.reservations.get(command.reservation)
    if held is None:
        raise UnknownReservation(command.reservation)
    if command.amount > held.amount:
        raise AboveMaximum(f"{format_amount(held.amount)} is held")
    freed = held.amount - command.amount
    postings: list[Posting] = [
        {"account": f"{account.id}/reserved", "unit": PULSA, "amount": -held.amount},
        {"account": USAGE, "unit": PULSA, "amount": command.amount},
        {"account": account.credit_name, "unit": PULSA, "amount": freed},
    ]
    line.emit(
        ReservationCaptured,
        clause=line.terms.clauses.use,
        postings=[p for p in postings if p["amount"]],
        reservation=command.reservation,
        amount=command.amount,
        freed=freed,
    )


def release_reservation(line: Line, account: PrepaidAccount, command: ReleaseReservation) -> None:
    """Frees what is held, because somebody asks for it."""
    if command.reservation not in account.reservations:
        raise UnknownReservation(command.reservation)
    line.emit_each([released(account, command.reservation, "asked")])
