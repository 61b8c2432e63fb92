"""Two documents of terms compared, key by key: what each says, and by which clause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.domain.terms import Terms
from ledger.terms.values import Value, values_of


class Unlike(NamedTuple):
    """A key that two documents fill differently; None on the side that lacks it."""

    path: str
    one: Value | None
    other: Value | None

    @property
    def only_the_clause(self) -> bool:
        """Whether both say the same, by different clauses."""
        one, other = self.one, self.other
        return bool(one and other and (one.key.names_a_clause or one.value == other.value))

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {"key": self.path, "a": _side(self.one), "b": _side(self.other)}


def compare(one: Terms, other: Terms) -> Iterator[Unlike]:
    """Every key that is not the same in both, in the order of the first document; then those that only `other` has.

    What names a document rather than rules (its id, title, and the like) is compared with the rest.
    """
    first = {value.path: value for value in values_of(one)}
    second = {value.path: value for value in values_of(other)}
    for path in first | second:
        a, b = first.get(path), second.get(path)
        if a is None or b is None or (a.value, a.clause) != (b.value, b.clause):
            yield Unlike(path, a, b)


def _side(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else {"value": value.value, "clause": value.clause, "said": value.said}
