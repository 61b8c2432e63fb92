"""The text that `*999#`, or `CEK` to 999, answers with (SP23-15, XP25-12): credit, validity, state and use to date."""

from __future__ import annotations

from calendar import month_name
from datetime import date

from ledger.domain.calendar import Zone, day_of_number
from ledger.domain.line.account import TERMINATED
from ledger.domain.postpaid.account import SETTLED
from ledger.domain.prepaid.account import ACTIVE, GRACE, INACTIVE, WAITING
from ledger.figures import grouped, rupiah
from projections.asking.enquiring import AnyEnquiry
from projections.postpaid.contract_enquiry import ContractEnquiry
from projections.prepaid.enquiry import Enquiry

_KILOBYTE = 1024


def enquiry_text(answer: AnyEnquiry, zone: Zone) -> str:
    """The answer to a customer; days are those of the terms' zone, and a period lasts to the end of the day named."""
    if isinstance(answer, ContractEnquiry):
        owed = f"{answer.msisdn}: {answer.state}. {_owed(answer, zone)}"
        return " ".join([owed, *_bills(answer), *_blocks(answer, zone), _use(answer)])
    return " ".join([f"{answer.msisdn}: {_standing(answer, zone)}", *_blocks(answer, zone), _use(answer)])


def _owed(answer: ContractEnquiry, zone: Zone) -> str:
    """What is owed, billed or not, what is paid in advance, and what is left of the limit (SE23-27).

    Nothing may be used once the contract has ended: then what is held is told in place of a limit (SE23-25).
    """
    if answer.state == SETTLED:
        return "Nothing is owed, and nothing is held."
    owed = f"Owed on bills {rupiah(answer.billed)}, not billed yet {rupiah(answer.unbilled)}"
    if answer.advance:
        owed += f", paid in advance {rupiah(answer.advance)}"
    if answer.state != TERMINATED:
        return f"{owed}. Left of the limit: {rupiah(answer.headroom)}."
    return f"{owed}.{_deposit(answer, zone)}"


def _deposit(answer: ContractEnquiry, zone: Zone) -> str:
    """The deposit that is left after the end, and by when it can be asked for, or is paid back (SE23-16, SE23-18)."""
    if not answer.deposit:
        return ""
    held, refund = f" Deposit held {rupiah(answer.deposit)}", answer.deposit_refund
    if refund is None or refund.until is None:
        return f"{held}."
    if refund.due_on is not None:
        return f"{held}, to be paid back by {_day(day_of_number(refund.due_on))}."
    return f"{held}, to be asked for to the end of {_last_day(refund.until, zone)}."


def _bills(answer: ContractEnquiry) -> list[str]:
    return [
        f"{bill.bill}: {rupiah(bill.open)} {'was' if bill.overdue else 'is'} due"
        f" on {_day(day_of_number(bill.due_on))}."
        for bill in answer.bills
    ]


def _standing(answer: Enquiry, zone: Zone) -> str:
    credit = f"credit {rupiah(answer.credit)}"
    if answer.reserved:
        credit += f" (of it {rupiah(answer.reserved)} reserved)"
    if answer.state == ACTIVE:
        until = answer.active_until
        return (
            f"{credit}, active."
            if until is None
            else f"{credit}, active to the end of {_last_day(until, zone)}."
        )
    if answer.state == GRACE and answer.grace_until is not None:
        last = _last_day(answer.grace_until, zone)
        return f"{credit}, in grace to the end of {last}. Top up to use it."
    if answer.state == WAITING and answer.waiting_until is not None:
        last = _last_day(answer.waiting_until, zone)
        keep = f"{credit}, out of service. Top up by the end of {last} to keep the number"
        lost = answer.forfeited_by_top_up
        return f"{keep}; that restores service and forfeits {rupiah(lost)}." if lost else f"{keep}."
    if answer.state == INACTIVE:
        return "not active yet. Register to activate it."
    return f"{answer.state}. {credit[0].upper()}{credit[1:]}."


def _blocks(answer: AnyEnquiry, zone: Zone) -> list[str]:
    return [f"Blocked ({block.scope}) since {_day(zone.day(block.since))}." for block in answer.blocks]


def _use(answer: AnyEnquiry) -> str:
    use = answer.usage
    calls, sms, data = map(grouped, (use.voice_seconds, use.sms, use.data_bytes // _KILOBYTE))
    return f"Used: {calls} s of calls, {sms} SMS, {data} KB of data, {rupiah(use.charged)}."


def _last_day(end: int, zone: Zone) -> str:
    """The day that a period lasts to the end of, or the one in which it ends."""
    return _day(zone.day(end - 1))


def _day(day: date) -> str:
    return f"{day.day} {month_name[day.month]} {day.year}"
