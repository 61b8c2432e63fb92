"""What every command has: what may be asked of the ledger.

The commands themselves stand in the packages of what they are about: the kinds, and the products of a line. Their Avro
schemas, with the form of each field, are in `schemas/commands/`; a test holds the classes against them.
Amounts are sen, instants UTC microseconds, days counted since 1970-01-01.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every command says: who asks, when (`at`), and under which id; whom it addresses, each kind's say."""

    INTERNAL: ClassVar[bool] = False
    """Whether only the ledger itself may say it."""
    OWN_IS_DUE: ClassVar[bool] = False
    """Whether what it brings about is what fell due."""
    MAY_COME_TO_NOTHING: ClassVar[bool] = False
    """Whether a policy may say it and no event come of it."""
    NUMBERS: ClassVar[tuple[str, ...]] = ()
    """Its fields that hold a number which is not its subject."""
    OF_ACCOUNT: ClassVar[bool] = False
    """Whether its field `account` says which account of its subject it is about."""
    name: ClassVar[str] = ""
    """Its name, such as `TopUp`."""
    terms_named: ClassVar[str | None] = None
    """The terms that it names, in its field `terms`; None: none."""
    stream: ClassVar[str | None] = None
    """The stream of its subject that it names, in its field `account`; None: the present one."""

    at: int
    command_id: str
    actor: str = "system"

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - msgspec's
        super().__init_subclass__(**options)
        cls.name = cls.__name__
        fields = vars(cls)
        cls.terms_named = fields.get("terms", cls.terms_named)
        if cls.OF_ACCOUNT:
            cls.stream = fields.get("account", cls.stream)

    @property
    def subject(self) -> str:
        """What the command addresses, and within which its id is unique."""
        raise NotImplementedError(self.name)

    @property
    def others(self) -> Iterable[str]:
        """Other subjects that what follows from it may concern, which are read along with its own; need not be all."""
        return ()
