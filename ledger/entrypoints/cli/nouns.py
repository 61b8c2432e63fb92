"""What the words of `pulsa` are made of: nouns with verbs, and verbs that stand alone. It imports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Verb(NamedTuple):
    """A verb: what does it, how it may be used, and what it does in words where no function's docstring says so."""

    does: str
    example: str
    words: str = ""


class Noun(NamedTuple):
    """A noun: in which group the help has it, what its verbs do, and these by name."""

    group: str
    words: str
    verbs: Mapping[str, Verb]
    shared: str = ""
    """What the first help says of it and its neighbours in one line; empty: it has a line of its own."""


class Top(NamedTuple):
    """A verb that is asked so often that it stands without a noun."""

    group: str
    words: str
    verb: Verb
    shared: str = ""
