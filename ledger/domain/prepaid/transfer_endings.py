"""How a credit transfer has ended, and what a command that would end it once more is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count

from ledger.domain.events import Event
from ledger.domain.ids import account_of, subject_of
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned
from ledger.domain.refusals import REFUSALS, IdempotencyConflict, Invalid, Refusal

Ending = CreditTransferReceived | CreditTransferReturned


EventsOf = Callable[[str], Iterable[Event]]
"""The events of a subject."""
TransferEnding = ReceiveCreditTransfer | ReturnCreditTransfer
"""The half of a transfer that follows: on the recipient's number, or back on the sender's."""


def numbers_of(command: TransferEnding) -> tuple[str, str]:
    """The sender's number and the recipient's."""
    if isinstance(command, ReturnCreditTransfer):
        return command.msisdn, command.to_msisdn
    return subject_of(command.from_account), command.msisdn


def endings(command: TransferEnding, recorded: EventsOf, happened: EventsOf) -> Iterator[Ending]:
    """How a transfer has ended. `recorded` are an account's events in the log, `happened` a number's since."""
    sender, receiver = numbers_of(command)
    account = command.account if isinstance(command, ReturnCreditTransfer) else command.from_account
    for events in (recorded(account), happened(sender), _of_all(receiver, recorded), happened(receiver)):
        for event in events:
            if isinstance(event, Ending) and event.transfer == command.transfer:
                yield event


def _of_all(number: str, recorded: EventsOf) -> Iterator[Event]:
    """The events of all accounts that a number has had, which are numbered from one."""
    for generation in count(1):
        version = 0
        for version, event in enumerate(recorded(account_of(number, generation)), 1):  # noqa: B007
            yield event
        if not version:
            return


def answer_of(command: TransferEnding, digest: bytes, ending: Ending) -> Refusal | None:
    """What a half of a transfer is answered that has ended, so: as it was, accepted (None) or refused.

    Raises IdempotencyConflict where it ended by a half of that id and another content, Invalid where what has arrived
    would come back.
    """
    if ending.command_id == command.command_id:
        if ending.command_digest != digest:
            raise IdempotencyConflict
        return None
    if isinstance(ending, CreditTransferReturned):
        return REFUSALS[ending.refusal]()
    raise Invalid(f"transfer: {command.transfer} has arrived, and so cannot come back")
