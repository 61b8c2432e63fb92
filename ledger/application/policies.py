"""What must happen on one account because of what happened to another: (event or refusal) → commands.

They run inside the writer, at once after their cause. Money in transit always arrives or returns.
"""

from __future__ import annotations

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import subject_of
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer
from ledger.domain.prepaid.events import CreditTransferSent
from ledger.domain.refusals import Refusal

ACTOR = "policy"


def after_event(event: Event) -> list[Command]:
    """The commands that follow from an event."""
    if not isinstance(event, CreditTransferSent):
        return []
    return [
        ReceiveCreditTransfer(
            at=event.recorded_at,
            command_id=f"policy/{event.transfer}",
            actor=ACTOR,
            msisdn=event.to_msisdn,
            transfer=event.transfer,
            from_account=event.account,
            amount=event.amount,
            fee=event.fee,
            days=event.days,
        )
    ]


def after_refusal(command: Command, refusal: Refusal) -> list[Command]:
    """The commands that follow from the refusal of a policy's command."""
    if not isinstance(command, ReceiveCreditTransfer):
        return []
    return [
        ReturnCreditTransfer(
            at=command.at,
            command_id=f"policy/return/{command.transfer}",
            actor=ACTOR,
            msisdn=subject_of(command.from_account),
            transfer=command.transfer,
            account=command.from_account,
            to_msisdn=command.msisdn,
            amount=command.amount,
            fee=command.fee,
            refusal=refusal.code,
        )
    ]
