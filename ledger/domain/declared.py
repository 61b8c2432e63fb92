"""Classes whose annotations are their fields, such as events and sections of terms: there are hundreds of them.

Python's dataclasses write code for each class and compile it, which took longer than most answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(kw_only_default=True)
class Declared:  # noqa: PLW1641 - it may change; a section, which may not, has a hash
    """What its annotations say, each given by name; those of the class that it is made from come first."""

    FIELDS: ClassVar[tuple[str, ...]] = ()
    """The names of its fields."""
    DEFAULTS: ClassVar[Mapping[str, Any]] = {}
    """What they are where nothing is given; a field that is not in it must be."""

    def __init_subclass__(cls) -> None:
        own = [name for name, kind in cls.__annotations__.items() if "ClassVar" not in str(kind)]
        cls.FIELDS = (*cls.FIELDS, *(name for name in own if name not in cls.FIELDS))
        cls.DEFAULTS = {**cls.DEFAULTS, **{name: vars(cls)[name] for name in own if name in vars(cls)}}

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the fields' own
        """Raises TypeError for a field that it has not, or that is missing."""
        unlike = [name for name in values if name not in self.FIELDS]
        missing = [name for name in self.FIELDS if name not in values and name not in self.DEFAULTS]
        if unlike or missing:
            raise TypeError(f"{type(self).__name__}: has no {unlike}, lacks {missing}")
        self.__dict__.update(self.DEFAULTS)
        self.__dict__.update(values)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.FIELDS)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)
        return f"{type(self).__name__}({said})"
