"""A number's history as people read it: a line for each event, below the account that it is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ledger.entrypoints.cli.local_times import cell_of, told_within
from ledger.entrypoints.cli.output import in_words, moved_in_words, width_of_prose, wrapped
from ledger.figures import rupiah

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.domain.events import Event
    from projections.asking.log_answers import HistoryEvent, HistoryLine, HistoryOfContract, OutcomeAnswer

_WHEN = len("2023-07-03 10:00:00")
_WHAT = len("Credit transfer returned")
_HELD = len("Rp 13.727,40") + 1
_CLAUSE = len("SP23-20")
_BELOW = " " * (_WHEN + 1)
_PREPAID = "ledger.prepaid."
_OTHERS = {"from_account": "from", "to_msisdn": "to"}
"""Fields of events that name another customer's account or number, in words."""


class HistoryTold:
    """Tells a history, line by line as it comes; times are those of a zone.

    Of a prepaid account it tells the credit after each event, of others what the event moved.
    """

    def __init__(self, where: Zone) -> None:
        self._where = where
        self._account = ""
        self._prepaid: set[str] = set()

    def lines(self, line: HistoryLine) -> Iterator[str]:
        """A line of a history, below a heading where it is of another account than the one before."""
        from projections.asking.log_answers import HistoryEvent, HistoryRefusal

        if isinstance(line, HistoryRefusal):
            yield from self._refused(line.outcome)
            return
        event = line.line.event
        if event.TOPIC.startswith(_PREPAID) and isinstance(line, HistoryEvent):
            self._prepaid.add(event.account)
        if not self._account:
            when = f"when ({self._where.local(event.effective_at):%Z})"
            held = f"{'credit then':>{_HELD}}" if self._prepaid else " " * _HELD
            yield f"{when:<{_WHEN}} {'what happened':<{_WHAT}} {held} {'clause':<{_CLAUSE}} position"
        if event.account != self._account:
            self._account = event.account
            yield event.account
        yield from self._happened(event, line)

    def _happened(self, event: Event, line: HistoryEvent | HistoryOfContract) -> Iterator[str]:
        from projections.asking.log_answers import HistoryEvent

        prepaid = isinstance(line, HistoryEvent) and event.account in self._prepaid
        held = rupiah(line.credit) if isinstance(line, HistoryEvent) and prepaid else ""
        at, words = self._at(event.effective_at), in_words(event.TOPIC)
        if len(at) > _WHEN and len(at) + len(words) > _WHEN + _WHAT:  # no room beside a fraction of a second
            yield at
            at = " " * _WHEN
        begins = f"{at} {words}".ljust(_WHEN + 1 + _WHAT)
        yield from _fitted(
            f"{begins} {held:>{_HELD}}", f"{event.clause or '':<{_CLAUSE}} {line.line.position or 'due'}"
        )
        if isinstance(line, HistoryEvent) and prepaid and line.reserved:
            yield f"{_BELOW}of it {rupiah(line.reserved)} reserved"
        if not prepaid and (moved := moved_in_words(event)):
            yield from wrapped(moved, width_of_prose(), _BELOW, _BELOW)
        for name, word in _OTHERS.items():
            if (other := getattr(event, name, None)) is not None:
                yield f"{_BELOW}{word} {other}"
        if event.SAYS_REFUSAL and (refusal := getattr(event, "refusal", None)):
            yield f"{_BELOW}refused: {refusal}"

    def _refused(self, was: OutcomeAnswer) -> Iterator[str]:
        yield from _fitted(f"{self._at(was.at)} {was.command} refused: {was.code}", was.position)
        if was.message:
            yield from wrapped(told_within(was.message, self._where), width_of_prose(), _BELOW, _BELOW)

    def _at(self, instant: int) -> str:
        return f"{cell_of(instant, self._where).replace('T', ' '):<{_WHEN}}"


def _fitted(begins: str, ends: str) -> Iterator[str]:
    """What a line begins with, and what it ends with: below, where both do not fit."""
    if len(begins) + 1 + len(ends) <= width_of_prose():
        yield f"{begins} {ends}"
    else:
        yield begins.rstrip()
        yield f"{_BELOW}{ends.strip()}"
