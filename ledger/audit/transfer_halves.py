"""Both halves of every credit transfer, held against each other: what arrived or came back had been sent, so, and once.

Halves come in any order and from any partition. The memory that it takes grows with the transfers under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from ledger.audit.findings import Finding, Report
from ledger.domain.events import Event
from ledger.domain.kinds import subject_of
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from ledger.domain.prepaid.transfer_endings import Ending

BEGINNINGS = (CreditTransferSent.TOPIC,)
TYPES = (*BEGINNINGS, CreditTransferReceived.TOPIC, CreditTransferReturned.TOPIC)
"""The types of events that transfers begin with, and of all that they are made of."""

_E = TypeVar("_E", bound=Event)


class Half(NamedTuple, Generic[_E]):
    """An event of a transfer, and its position."""

    event: _E
    position: str

    def finding(self, what: str) -> Finding:
        """Something that is wrong with it."""
        event = self.event
        return Finding(what, "stored_events", self.position, event.account, event.version)


class TransferHalves:
    """What has begun and not ended, and what has ended and not been seen to begin, each by the transfer's id."""

    def __init__(self) -> None:
        self.under_way: dict[str, Half[CreditTransferSent]] = {}
        self.unmatched: dict[str, Half[Ending]] = {}

    def take(self, event: Event, position: str) -> Iterator[Finding]:
        """Takes an event in, and tells what is wrong with it or with its other half."""
        if isinstance(event, CreditTransferSent):
            half = Half(event, position)
            if event.transfer != f"{event.account}/{event.command_id}":
                yield half.finding("its transfer is not named as its account and command are")
            yield from self._begun(event.transfer, half)
        elif isinstance(event, Ending):
            yield from self._ended(event.transfer, Half(event, position))

    def settle(self, report: Report, is_here: Callable[[str], bool] = lambda _: True) -> None:
        """Puts in what is left, now that all was read that there is: what ended and had not begun is a finding.

        Where that is but a part, `is_here` tells what lies in it: of a transfer from or to elsewhere nothing is told.
        """
        for half in self.unmatched.values():
            if is_here(subject_of(half.event.transfer.partition("/")[0])):
                report.add(half.finding("no transfer was sent that it ends, or it had ended before"))
        self.unmatched.clear()
        report.in_transit = sum(is_here(half.event.to_msisdn) for half in self.under_way.values())

    def _begun(self, transfer: str, half: Half[CreditTransferSent]) -> Iterator[Finding]:
        ended = self.unmatched.pop(transfer, None)
        if ended is not None:
            yield from _differences(half, ended)
        elif transfer in self.under_way:
            yield half.finding("the same transfer was sent before")
        else:
            self.under_way[transfer] = half

    def _ended(self, transfer: str, half: Half[Ending]) -> Iterator[Finding]:
        begun = self.under_way.pop(transfer, None)
        if begun is not None:
            yield from _differences(begun, half)
        elif transfer in self.unmatched:
            yield half.finding("the same transfer has ended before")
        else:
            self.unmatched[transfer] = half


def _differences(begun: Half[CreditTransferSent], ended: Half[Ending]) -> Iterator[Finding]:
    """What an ending says otherwise than its beginning."""
    sent, event = begun.event, ended.event
    if isinstance(event, CreditTransferReceived):
        pairs = [
            ("amount", event.amount, sent.amount),
            ("sender", event.from_account, sent.account),
            ("recipient", subject_of(event.account), sent.to_msisdn),
            ("days", event.days or sent.days, sent.days),
        ]
    else:
        pairs = [
            ("amount", event.amount, sent.amount),
            ("fee", event.fee, sent.fee),
            ("sender", event.account, sent.account),
            ("recipient", event.to_msisdn, sent.to_msisdn),
        ]
    for name, is_, was in pairs:
        if is_ != was:
            yield ended.finding(f"its {name} is {is_}; what was sent at {begun.position} says {was}")
