"""How subjects and their streams of events are named. No other module reads an id.

A *subject* is what a command addresses. Its events lie in *streams*, each with versions of its own:

    6288112345678                    a number, its own events
    6288112345678#2                  the second account of that number
    log@3, terms/<id>@3, apart@3     of the third partition: itself, terms that it uses, what could not be carried out
    customer/<id>, suspense/<number>/<reference>, statement/<id>     to come

`#`, `/` and `@` part the names that an id is made of; none of these holds one of its own.
"""

from __future__ import annotations

import re

NUMBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
"""A number as an id: its digits with country code."""
ACCOUNT = re.compile(r"[1-9][0-9]{6,14}#[1-9][0-9]{0,8}", re.ASCII)
"""A well-formed account."""
_PARTITION = re.compile(r"(?:log|apart|terms/[^#/@]*)@(0|[1-9][0-9]{0,8})", re.ASCII)

SUBJECT_SQL = "substr(originator_id, 1, instr(originator_id || '#', '#') - 1)"
"""`subject_of` in SQLite, of the column `originator_id`."""
TERMS = ("terms/", "terms0")
"""The ids of all terms' streams lie from the first to before the second."""
NUMBERS = ("0", "A")
"""And those of numbers and their accounts."""


def subject_of(stream: str) -> str:
    """What a stream is counted under, and what its events have as their key: an account's number, else itself."""
    return stream.partition("#")[0]


def streams_of(subject: str) -> tuple[str, str]:
    """The ids of a subject's further streams lie between these two."""
    return subject + "#", subject + "$"


def names_in(id_: str) -> list[str]:
    """The names that the id of an account, or of a ledger account, is made of: `6288…`, `1`, `credit`."""
    return id_.replace("#", "/").split("/")


def is_plain(name: str) -> bool:
    """Whether a name may be part of an id."""
    return not ("#" in name or "/" in name or "@" in name)


def is_subject(id_: str) -> bool:
    """Whether a command may address it: a number, or a partition."""
    return is_plain(id_) or is_partition(id_)


# --- numbers --------------------------------------------------------------------------------------------------------


def account_of(number: str, generation: int) -> str:
    """The id of a number's account; the first is of generation 1."""
    return f"{number}#{generation}"


def is_account(stream: str) -> bool:
    """Whether it is an account's stream, and not its number's own."""
    return "#" in stream


def is_of_line(stream: str) -> bool:
    """Whether it is a number, or an account of one."""
    return stream[:1].isdigit()


# --- the partition's own --------------------------------------------------------------------------------------------


def log_of(partition: int) -> str:
    """The partition itself, as a subject: its beginning and its closings."""
    return f"log@{partition}"


def apart_of(partition: int) -> str:
    """What had to follow there and could not be carried out."""
    return f"apart@{partition}"


def terms_of(terms_id: str, partition: int) -> str:
    """Terms that the partition has published."""
    return f"terms/{terms_id}@{partition}"


def partition_named(stream: str) -> int | None:
    """The partition that an id of its own names; None for what lies where its key falls."""
    found = _PARTITION.fullmatch(stream)
    return None if found is None else int(found[1])


def is_partition(subject: str) -> bool:
    """Whether it is a partition itself, as what is closed."""
    return subject.startswith("log@") and partition_named(subject) is not None


def is_apart(stream: str) -> bool:
    """Whether it holds what could not be carried out."""
    return stream.startswith("apart@")
