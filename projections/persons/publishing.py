"""Preferences told to others: what the projections say by number is put up on a board, and kept up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from projections.engine.snapshot import Snapshot
from projections.engine.unanswered import ProjectionBehind
from projections.persons.preferences import Preference, Preferences, in_order, preferences_of

_AT_ONCE = 500
"""Numbers that are put up together at most."""


class PreferenceBoard(Protocol):
    """Where preferences are put up, number by number."""

    def numbers(self, after: str, through: str | None) -> list[str]:
        """The numbers that something is told of, behind one and up to another, or to the end."""

    def put_up(self, told: Mapping[str, Mapping[str, Any] | None], position: Mapping[int, int]) -> int:
        """Puts up what is told of numbers, None where nothing is any more. Returns how many are new.

        `position` is how far the log was read for it: ordinals by partition.
        """

    @property
    def told_at(self) -> Mapping[int, int]:
        """How far the log was told already when this was begun."""


class Publisher:
    """Keeps a board up. The first round compares everything, later ones what was said of numbers and holders since."""

    def __init__(self, board: PreferenceBoard) -> None:
        self._board = board
        self._since: dict[int, int] | None = None
        self._generation: int | None = None

    def round(self, then: Snapshot) -> int:
        """Puts up what changed; returns of how many numbers. Whatever it raised, the next round compares everything.

        Raises ProjectionBehind where the board tells of what the projections have not taken in: what they lack is no
        reason to take it back.
        """
        since, kind = self._since, then.of(Preferences)
        self._since = None
        for partition, ordinal in self._board.told_at.items():
            if then.positions.get(partition, 0) < ordinal:
                raise ProjectionBehind(f"preferences were told at {partition}:{ordinal} already")
        if since is None or kind.generation != self._generation:
            count = self._everything(then)
        else:
            concerned = sorted(kind.concerned(then.connection, since))
            count = sum(
                self._of_some(then, concerned[first : first + _AT_ONCE])
                for first in range(0, len(concerned), _AT_ONCE)
            )
        self._since, self._generation = dict(then.positions), kind.generation
        return count

    def _everything(self, then: Snapshot) -> int:
        count, after = 0, ""
        for through, found in in_order(then):
            told: dict[str, dict[str, Any] | None] = dict.fromkeys(self._board.numbers(after, through))
            count += self._put_up(then, told | {one.msisdn: _told(one) for one in found})
            after = through
        return count + self._put_up(then, dict.fromkeys(self._board.numbers(after, None)))

    def _of_some(self, then: Snapshot, numbers: Sequence[str]) -> int:
        found = preferences_of(then, numbers)
        return self._put_up(then, {one: _told(found[one]) if one in found else None for one in numbers})

    def _put_up(self, then: Snapshot, told: Mapping[str, dict[str, Any] | None]) -> int:
        each = list(told.items())
        return sum(
            self._board.put_up(dict(each[first : first + _AT_ONCE]), then.positions)
            for first in range(0, len(each), _AT_ONCE)
        )


def _told(one: Preference) -> dict[str, Any]:
    """What others are told: not who holds the number, and not how it was said."""
    return {
        "account": one.account,
        "held_since": one.held_since,
        "offers": one.offers,
        "partners": one.partners,
        "credit_bureau": one.credit_bureau,
        "restricted": one.restricted,
        "changed_at": one.changed_at,
    }
