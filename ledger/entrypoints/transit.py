"""Transfers in transit, and what has to follow for each to arrive or return: worked out from the log, and said again.

What follows has an id derived from its cause: what was lost happens once, and what is still under way is answered as it
was.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from ledger.application.outcomes import NOT_JOURNALED, UNKNOWN, Outcome
from ledger.audit.transfer_halves import TYPES, TransferHalves
from ledger.domain.calendar import format_instant
from ledger.domain.commands import Command
from ledger.domain.ids import apart_of
from ledger.domain.kinds import after_event, after_refusal
from ledger.domain.money import format_amount
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer
from ledger.domain.prepaid.events import CreditTransferSent
from ledger.domain.refusals import REFUSALS
from ledger.entrypoints.dead import say_again
from ledger.store.reading import SqliteSnapshot
from ledger.wiring.composition import Opened

MOST_AT_ONCE = 10_000
"""Transfers that are looked after at once: those under way for longest."""


class Missing(NamedTuple):
    """A transfer under way, the position of its sending, and the command that has to follow."""

    sent: CreditTransferSent
    position: str
    command: Command

    def to_json(self) -> dict[str, Any]:
        """What a list says of it."""
        return {
            "transfer": self.sent.transfer,
            "from_account": self.sent.account,
            "to_msisdn": self.sent.to_msisdn,
            "amount": format_amount(self.sent.amount),
            "sent_at": format_instant(self.sent.recorded_at),
            "position": self.position,
            "command": self.command.name,
            "command_id": self.command.command_id,
        }

    def settled(self, outcome: Outcome) -> bool:
        """Whether the transfer has ended with that answer, or will by what follows from it by itself."""
        if outcome.code is None:
            return outcome.status != UNKNOWN
        return isinstance(self.command, ReceiveCreditTransfer) and outcome.code not in {
            *NOT_JOURNALED,
            UNKNOWN,
        }


def missing(opened: Opened, until: int) -> list[Missing]:
    """What has to follow for each transfer that was sent by an instant, longest first: `MOST_AT_ONCE` of them.

    Raises what keeps the log from being read.
    """
    readers, partition_of = opened.journaled()
    transfers, apart = TransferHalves(), dict[str, Command]()
    for reader in readers:
        with reader.snapshot() as log:
            for found in log.events(types=TYPES):
                for _ in transfers.take(found.event, f"{log.partition}:{found.ordinal}"):
                    pass  # what is wrong with a transfer `verify` tells
            apart |= _set_apart(log)
    begun = [
        (half.event, half.position)
        for half in transfers.under_way.values()
        if half.event.recorded_at <= until
    ]
    begun = sorted(begun, key=lambda one: (one[0].recorded_at, one[0].transfer))[:MOST_AT_ONCE]
    with ExitStack() as reading:  # later than what was read above: a half that came since is in no way missed
        logs = [reading.enter_context(reader.snapshot()) for reader in readers]
        return [
            Missing(sent, position, _following(sent, logs[partition_of(sent.to_msisdn)], apart))
            for sent, position in begun
        ]


def resend(opened: Opened, found: Sequence[Missing], now: int) -> list[Outcome]:
    """Says it, each under its own id; what was decided meanwhile is answered as it was. Raises like `say_again`."""
    return say_again(opened, [one.command for one in found], now)


def _set_apart(log: SqliteSnapshot) -> dict[str, Command]:
    """The returns that could not be carried out at once, by their transfer: they tell that it had been refused."""
    found: dict[str, Command] = {}
    for one in log.events_of(apart_of(log.partition)):
        event = one.event
        if (
            isinstance(event, CommandSetApart)
            and event.command == ReturnCreditTransfer.__name__
            and event.content
        ):
            command = log.codec.command(event.command, event.content, event.recorded_at)
            if isinstance(command, ReturnCreditTransfer):
                found[command.transfer] = command
    return found


def _following(sent: CreditTransferSent, there: SqliteSnapshot, apart: dict[str, Command]) -> Command:
    """The half that is missing: it comes back once its recipient has refused it, and else it has to arrive."""
    if sent.transfer in apart:
        return apart[sent.transfer]
    (receive,) = after_event(sent)
    decided = there.decision(receive.subject, receive.command_id)
    if decided is None or decided.code is None:
        return receive
    (give_back,) = after_refusal(receive, REFUSALS[decided.code]())
    return give_back
