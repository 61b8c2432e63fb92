"""What is asked of persons: a part of all questions (`questions.py`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from projections.engine.answers import Listed
from projections.engine.instants import When
from projections.line.asked_number import asked_number

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot
    from projections.persons.breaches_told import BreachTold
    from projections.persons.erasures_told import ErasureTold, HoldTold
    from projections.persons.held_by_nobody import HeldByNobody
    from projections.persons.preferences import Preference
    from projections.persons.privacy import Disclosure, PersonalRequest, WantedRequests
    from projections.persons.publishing import Publisher

_T = TypeVar("_T")


class QuestionsOfPersons(ABC):
    """The questions about what persons agree to, and ask for."""

    @abstractmethod
    def _answer(
        self, ask: Callable[[Snapshot], _T], as_of: When, known_at: When, about: str | None = None
    ) -> _T:
        """What a question finds."""

    def preferences(
        self, about: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[Preference]:
        """What the present holder of each number agrees to, or of the one named."""
        msisdn = None if about is None else asked_number(about).msisdn
        from projections.persons import preferences

        return self._answer(lambda then: preferences.preferences(then, msisdn), as_of, known_at, msisdn)

    def publish_preferences(self, publisher: Publisher) -> int:
        """Puts up what the projections say of preferences by now; returns of how many numbers that is new."""
        return self._answer(publisher.round, None, None)

    def held_by_nobody(self) -> list[HeldByNobody]:
        """The accounts that live on under persons who were never registered, or are erased; as recorded by now."""
        from projections.persons import held_by_nobody

        return self._answer(held_by_nobody.held_by_nobody, None, None)

    def requests(
        self, wanted: WantedRequests | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[PersonalRequest]:
        """What persons ask for, or what is wanted of it, and by when it is due."""
        from projections.persons import privacy

        which = wanted or privacy.WantedRequests()
        return self._answer(lambda then: privacy.requests(then, which), as_of, known_at)

    def disclosures(
        self, customer: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[Disclosure]:
        """What was disclosed of everybody, or of the customer that is named."""
        from projections.persons import privacy

        return self._answer(lambda then: privacy.disclosures(then, customer), as_of, known_at)

    def erasures(
        self,
        customer: str | None = None,
        *,
        only_blocked: bool = False,
        as_of: When = None,
        known_at: When = None,
    ) -> Listed[ErasureTold]:
        """Erasures that have begun, and what stands in their way; of everybody, or of the customer that is named."""
        from projections.persons import erasures_told

        return self._answer(
            lambda then: erasures_told.erasures(then, customer, only_blocked=only_blocked), as_of, known_at
        )

    def holds(
        self, customer: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[HoldTold]:
        """What is held for legal cases, of everybody or of the customer that is named."""
        from projections.persons import erasures_told

        return self._answer(lambda then: erasures_told.holds(then, customer), as_of, known_at)

    def breaches(
        self, *, only_open: bool = False, as_of: When = None, known_at: When = None
    ) -> Listed[BreachTold]:
        """Breaches of personal data; or those of which somebody has still to be told."""
        from projections.persons import breaches_told

        return self._answer(lambda then: breaches_told.breaches(then, only_open=only_open), as_of, known_at)
