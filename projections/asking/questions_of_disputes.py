"""What is asked of disputes: a part of all questions (`questions.py`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from projections.engine.answers import Listed
from projections.engine.instants import When

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot
    from projections.line.disputes_told import DisputeShown, DisputeSummary, DisputeSums, WantedDisputes

_T = TypeVar("_T")


class QuestionsOfDisputes(ABC):
    """The questions about disputes."""

    @abstractmethod
    def _answer(
        self, ask: Callable[[Snapshot], _T], as_of: When, known_at: When, about: str | None = None
    ) -> _T:
        """What a question finds."""

    def disputes(
        self, wanted: WantedDisputes | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[DisputeSummary]:
        """Disputes, or those that are wanted; the ones due first stand on top."""
        from projections.line import disputes_told

        return self._answer(lambda then: disputes_told.disputes(then, wanted), as_of, known_at)

    def sums_of_disputes(self, *, as_of: When = None, known_at: When = None) -> Listed[DisputeSums]:
        """How many disputes are open, by age, or ended how, and what they come to."""
        from projections.line import disputes_told

        return self._answer(disputes_told.sums_of_disputes, as_of, known_at)

    def dispute(
        self, id_: str, account: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> DisputeShown:
        """A dispute by its id, and all that happened to it."""
        from projections.line import disputes_told

        return self._answer(lambda then: disputes_told.dispute(then, id_, account), as_of, known_at)
