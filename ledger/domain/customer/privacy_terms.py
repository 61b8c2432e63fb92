"""A privacy policy as data: which personal data are taken and what for, what may be disclosed, by when to answer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal

from ledger.domain.calendar import HOUR
from ledger.domain.rules import A_NUMBER, Code, Days, Rule
from ledger.domain.sections import Bounds, Section
from ledger.domain.terms import Terms
from ledger.domain.terms_models import MODELS

FieldClass = Literal["identity", "contact", "address", "birth", "payment", "tax"]
Purpose = Literal["offers", "partners", "credit-bureau", "processing"]
Hours = Annotated[int, Bounds(1, 24 * 365), A_NUMBER._replace(words="a whole number of hours", example=72)]


class DataClass(Rule):
    """A class of personal data: what it is kept for, and how long after the last account has ended (PM-06, PS-02)."""

    name: FieldClass
    """The class."""
    purpose: str
    """What data of this class are used for."""
    retention_days: Days
    """Days that they are kept after the customer's last account has ended."""
    asked_by_law: bool = False
    """Whether the law asks that they be kept so long: until then nothing is erased."""


class PersonalField(Section):
    """A field that may be kept of a person (PM-01)."""

    name: Code
    """What commands and events call it."""
    of: FieldClass
    """Its class."""


class DisclosureGround(Rule):
    """A ground on which personal data may be disclosed (PS-03, PM-02)."""

    code: Code
    """What commands and events call it."""
    title: str
    """The document's ground, in short."""
    consent: Purpose | None = None
    """The consent that it needs."""
    requires: Literal["reference"] | None = None
    """Whether it needs an order's reference."""


class Limit(Rule):
    """By when something has to be done."""

    hours: Hours
    """Hours after it was asked for, or became known."""


class PrivacyTerms(Terms):
    """The rules of a privacy policy."""

    product: Literal["privacy"] = "privacy"
    """Whose terms they are: of customers."""
    classes: tuple[DataClass, ...] = ()
    """What classes of personal data are kept for, and how long."""
    fields: tuple[PersonalField, ...] = ()
    """The fields that may be kept; what is not here has no purpose, and is not taken."""
    grounds: tuple[DisclosureGround, ...] = ()
    """The grounds on which personal data may be disclosed."""
    access: Limit = Limit(hours=72)
    """By when a request for access has to be answered."""
    processing: Limit = Limit(hours=72)
    """By when processing stops after consent to it was withdrawn; until then it may be given again."""
    breach: Limit = Limit(hours=72)
    """By when authority and persons are told of a breach after it was discovered."""

    def must_hold(self) -> None:
        """Raises ValueError where something stands twice, or a field's class has no purpose."""
        super().must_hold()
        classes = [one.name for one in self.classes]
        names = [one.name for one in self.fields]
        codes = [one.code for one in self.grounds]
        for what, said in (("classes", classes), ("fields", names), ("grounds", codes)):
            if len(said) != len(set(said)):
                msg = f"{what}: one stands twice"
                raise ValueError(msg)
        if lost := sorted({one.of for one in self.fields} - set(classes)):
            msg = f"fields: the class {lost[0]} has no purpose"
            raise ValueError(msg)

    @cached_property
    def class_of(self) -> dict[str, FieldClass]:
        """The class of each field that may be kept."""
        return {one.name: one.of for one in self.fields}

    @cached_property
    def access_limit(self) -> int:
        """The limit of requests for access in microseconds."""
        return self.access.hours * HOUR

    @cached_property
    def processing_limit(self) -> int:
        """The limit of processing in microseconds."""
        return self.processing.hours * HOUR

    @cached_property
    def breach_limit(self) -> int:
        """The limit of notices in microseconds."""
        return self.breach.hours * HOUR

    @cached_property
    def retention_of(self) -> dict[str, int]:
        """Of each field that may be kept, the days that it is after the last account has ended."""
        days = {one.name: one.retention_days for one in self.classes}
        return {field: days[of] for field, of in self.class_of.items()}

    def kept_days(self, fields: Iterable[str], *, by_law: bool = False) -> int:
        """Days that fields are kept after the last account has ended; `by_law`: that the law asks for."""
        if not by_law:
            return max((self.retention_of[name] for name in fields), default=0)
        lawful = {one.name for one in self.classes if one.asked_by_law}
        return max((self.retention_of[name] for name in fields if self.class_of[name] in lawful), default=0)

    def ground_of(self, code: str) -> DisclosureGround | None:
        """The ground of that code, if the policy has it."""
        return next((ground for ground in self.grounds if ground.code == code), None)


MODELS["privacy"] = PrivacyTerms
