"""Both halves of every transfer, held against each other: what arrived or came back had been sent, so, and once.

Credit is sent from number to number, and money that lay in suspense to an account. Halves come in any order and from
any partition. The memory that it takes grows with the transfers under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from ledger.audit.findings import Finding, Report
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.domain.line.events import SuspenseAssigned, SuspenseRefused
from ledger.domain.postpaid.events_of_payments import SuspenseTaken
from ledger.domain.postpaid.suspense_following import SuspenseEnding
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from ledger.domain.prepaid.transfer_endings import Ending

BEGINNINGS = (CreditTransferSent.TOPIC, SuspenseAssigned.TOPIC)
TYPES = (
    *BEGINNINGS,
    *(
        kind.TOPIC
        for kind in (CreditTransferReceived, CreditTransferReturned, SuspenseTaken, SuspenseRefused)
    ),
)
"""The types of events that transfers begin with, and of all that they are made of."""

_E = TypeVar("_E", bound=Event)
_B = TypeVar("_B", bound=Event)


class Half(NamedTuple, Generic[_E]):
    """An event of a transfer, and its position."""

    event: _E
    position: str

    def finding(self, what: str) -> Finding:
        """Something that is wrong with it."""
        event = self.event
        return Finding(what, "stored_events", self.position, event.account, event.version)


_Said = tuple[str, object, object]
"""What is compared of a transfer: its name, as the ending has it, and as the beginning had it."""


class Pairs(Generic[_B, _E]):
    """What has begun and not ended, and what has ended and not been seen to begin, each by the transfer's id."""

    def __init__(self, compared: Callable[[_B, _E], list[_Said]], words: str) -> None:
        self.under_way: dict[str, Half[_B]] = {}
        self.unmatched: dict[str, Half[_E]] = {}
        self._compared, self._words = compared, words

    def begun(self, id_: str, half: Half[_B]) -> Iterator[Finding]:
        """Takes in a beginning."""
        ended = self.unmatched.pop(id_, None)
        if ended is not None:
            yield from self._differences(half, ended)
        elif id_ in self.under_way:
            yield half.finding(f"the same {self._words} before")
        else:
            self.under_way[id_] = half

    def ended(self, id_: str, half: Half[_E]) -> Iterator[Finding]:
        """Takes in an ending."""
        begun = self.under_way.pop(id_, None)
        if begun is not None:
            yield from self._differences(begun, half)
        elif id_ in self.unmatched:
            yield half.finding("the same transfer has ended before")
        else:
            self.unmatched[id_] = half

    def without_beginning(self) -> Iterator[tuple[str, Finding]]:
        """Where each began of which no beginning was found, and what is to be said of it; they are forgotten."""
        for id_, half in self.unmatched.items():
            yield (
                subject_of(id_.partition("/")[0]),
                half.finding("no transfer was sent that it ends, or it had ended before"),
            )
        self.unmatched.clear()

    def _differences(self, begun: Half[_B], ended: Half[_E]) -> Iterator[Finding]:
        """What an ending says otherwise than its beginning."""
        for name, is_, was in self._compared(begun.event, ended.event):
            if is_ != was:
                yield ended.finding(f"its {name} is {is_}; what was sent at {begun.position} says {was}")


class TransferHalves:
    """The halves of transfers of credit, and of assignments of money in suspense."""

    def __init__(self) -> None:
        self._credit = Pairs[CreditTransferSent, Ending](_of_credit, "transfer was sent")
        self._suspense = Pairs[SuspenseAssigned, SuspenseEnding](_of_suspense, "assignment was made")

    @property
    def under_way(self) -> dict[str, Half[CreditTransferSent]]:
        """The credit that was sent, and has neither arrived nor come back, by its transfer."""
        return self._credit.under_way

    @property
    def lacks_beginnings(self) -> bool:
        """Whether something has ended that was not seen to begin."""
        return bool(self._credit.unmatched or self._suspense.unmatched)

    def take(self, event: Event, position: str) -> Iterator[Finding]:
        """Takes an event in, and tells what is wrong with it or with its other half."""
        if isinstance(event, CreditTransferSent):
            half = Half(event, position)
            if event.transfer != f"{event.account}/{event.command_id}":
                yield half.finding("its transfer is not named as its account and command are")
            yield from self._credit.begun(event.transfer, half)
        elif isinstance(event, Ending):
            yield from self._credit.ended(event.transfer, Half(event, position))
        elif isinstance(event, SuspenseAssigned):
            assigned = Half(event, position)
            if event.assignment != f"{event.account}/{event.command_id}":
                yield assigned.finding("its assignment is not named as its number and command are")
            yield from self._suspense.begun(event.assignment, assigned)
        elif isinstance(event, SuspenseEnding):
            yield from self._suspense.ended(event.assignment, Half(event, position))

    def settle(self, report: Report, is_here: Callable[[str], bool] = lambda _: True) -> None:
        """Puts in what is left, now that all was read that there is: what ended and had not begun is a finding.

        Where that is but a part, `is_here` tells what lies in it: of a transfer from or to elsewhere nothing is told.
        """
        for pairs in (self._credit, self._suspense):
            for begun_at, finding in pairs.without_beginning():
                if is_here(begun_at):
                    report.add(finding)
        bound_for = [half.event.to_msisdn for half in self._credit.under_way.values()]
        bound_for += [subject_of(half.event.to_account) for half in self._suspense.under_way.values()]
        report.in_transit = sum(map(is_here, bound_for))


def _of_credit(sent: CreditTransferSent, event: Ending) -> list[_Said]:
    if isinstance(event, CreditTransferReceived):
        return [
            ("amount", event.amount, sent.amount),
            ("sender", event.from_account, sent.account),
            ("recipient", subject_of(event.account), sent.to_msisdn),
            ("days", event.days or sent.days, sent.days),
        ]
    return [
        ("amount", event.amount, sent.amount),
        ("fee", event.fee, sent.fee),
        ("sender", event.account, sent.account),
        ("recipient", event.to_msisdn, sent.to_msisdn),
    ]


def _of_suspense(assigned: SuspenseAssigned, event: SuspenseEnding) -> list[_Said]:
    if isinstance(event, SuspenseTaken):
        number, account = event.from_msisdn, event.account
    else:
        number, account = event.account, event.to_account
    return [
        ("amount", event.amount, assigned.amount),
        ("reference", event.reference, assigned.reference),
        ("content", event.content, assigned.content),
        ("number", number, assigned.account),
        ("account", account, assigned.to_account),
    ]
