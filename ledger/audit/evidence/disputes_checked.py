"""What the disputes of an account say of its record, held against its events, one after the other.

The amounts, the events that are cited, and the difference are reckoned again; `verify.py` does the same by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ledger.domain.line.disputes import BALANCE
from ledger.domain.line.product import PRODUCTS, QUANTITY
from ledger.domain.money import SEN, format_amount, hundredths
from ledger.errors import EvidenceWrong

_TYPES = "ledger.dispute."
_FIELDS = {
    (about, event_type.TOPIC): fields
    for product in PRODUCTS.values()
    for about, by_type in product.disputable.items()
    for event_type, fields in by_type.items()
}
_PARTS = {unit: parts for product in PRODUCTS.values() for unit, parts in product.balance_parts.items()}


def _amount_said(fields: Mapping[str, str], event: Any, unit: str) -> int:  # noqa: ANN401 - a record
    for named, field in fields.items():
        if (event[named] if named.islower() else named) == unit:
            said = event[field]
            if isinstance(said, str):
                return hundredths(said)
            return int(said) * (SEN if named == QUANTITY else 1)
    raise EvidenceWrong("a record says nothing in the unit of the dispute")


class RecordedEvent(NamedTuple):
    """An event of an account: its type, its digest, and what it says."""

    type: str
    digest: bytes
    event: Any


class DisputesOfStream:
    """The events of one account, as far as disputes about it go."""

    def __init__(self, *, whole: bool = True) -> None:
        self._whole = whole
        self._recorded: dict[int, RecordedEvent] = {}
        """By version: all of them, if whole."""
        self._opened: dict[str, Any] = {}
        self._corrections: list[Any] = []
        self.told: dict[str, list[str]] = {}
        """What is said of each dispute."""
        self.system: dict[str, int] = {}
        """What the record says, by the last of each dispute's events that tells."""

    def opened(self, dispute: str) -> Any:  # noqa: ANN401 - a record
        """How a dispute was opened."""
        return self._opened[dispute]

    def add(self, topic: str, digest: bytes, event: Any) -> None:  # noqa: ANN401 - a record
        """Takes in the next event. Raises EvidenceWrong where it says of the record what that does not."""
        self._recorded[event["version"]] = RecordedEvent(topic, digest, event)
        if not topic.startswith(_TYPES):
            return
        name, kind = event["dispute"], topic.removeprefix(_TYPES)
        if kind == "DisputeOpened":
            self._opened[name] = event
        if name not in self._opened:
            raise EvidenceWrong(f"the dispute {name} was never opened")
        line = f"{name}: {kind}"
        if "system" in event:
            for holds, wrong in self._claims(kind, event):
                if not holds:
                    raise EvidenceWrong(f"{name}: {wrong}")
            stated = event["stated"] if kind == "StatementOverridden" else event["claimed"]
            self.system[name] = event["system"]
            record = f"the record says {format_amount(event['system'])} {event['unit']}"
            line = f"{line}, {format_amount(stated)} was stated, {record}"
        if kind == "SystemCorrected":
            self._corrections.append(event)
        self.told.setdefault(name, []).append(line)

    def _claims(self, kind: str, event: Any) -> Iterator[tuple[bool, str]]:  # noqa: ANN401
        opened = self._opened[event["dispute"]]
        yield event["system"] == self._said(event, opened), "the record says something else"
        for cited in event["records"]:
            yield 0 < cited["version"] < event["version"], "what is cited comes later"
            yield cited["version"] in self._recorded, "what is cited is not in the bundle"
            digest = self._recorded[cited["version"]].digest.hex()
            yield digest == cited["digest"], "what is cited is another event"
        if kind == "StatementOverridden":
            yield event["stated"] == opened["claimed"], "something else was claimed"
            yield event["difference"] == event["stated"] - event["system"], "the difference is another"
            yield event["known_at"] == event["recorded_at"], "it was known at another instant"
            yield event["head_version"] == event["version"] - 1, "another event was the last one"
            yield event["head_version"] in self._recorded, "the last event is not in the bundle"
            head = self._recorded[event["head_version"]].digest.hex()
            yield event["head_digest"] == head, "the last event was another"

    def _said(self, event: Any, opened: Any) -> int:  # noqa: ANN401
        about, unit = opened["about"], opened["unit"]
        versions = [cited["version"] for cited in opened["records"]]
        total = 0
        for one in self._corrections:
            other = self._opened[one["dispute"]]
            same = all(other[name] == opened[name] for name in ("about", "unit", "records"))
            shared = one["dispute"] == event["dispute"] or (versions and same)
            if shared and not (about == BALANCE and one["remedied"]):
                total += one["amount"]
        if about == BALANCE:
            if not self._whole:
                return int(event["system"])
            last = versions[-1] if versions else event["version"] - 1
            return total + self._balance(last, opened["stood_at"], unit, event["version"])
        for version in versions:
            if not 0 < version < event["version"]:
                raise EvidenceWrong("a record comes later than what is said of it")
            if version not in self._recorded:
                raise EvidenceWrong("a record is not in the bundle")
            record = self._recorded[version]
            total += _amount_said(_FIELDS.get((about, record.type), {}), record.event, unit)
        return total

    def _balance(self, version: int, at: int, unit: str, until: int) -> int:
        account, total = self._recorded[1].event["account"], 0
        names = {f"{account}/{part}" for part in _PARTS[unit]}
        for _, _, event in (self._recorded[before] for before in range(1, until)):
            late = event["version"] > version and event["recorded_at"] <= at
            if event["effective_at"] < at or (event["effective_at"] == at and not late):
                total += sum(
                    posting["amount"]
                    for posting in event["postings"]
                    if posting["account"] in names and posting["unit"] == unit
                )
        return total
