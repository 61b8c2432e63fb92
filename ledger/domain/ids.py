"""How subjects, their streams of events and ledger accounts are named. No other module reads an id.

A *subject* is what a command addresses. Its events lie in *streams*, each with versions of its own:

    6288112345678                    a number, its own events; in a log of tokens TAB3…, which stands in its place
    6288112345678#2                  the second account of that number
    log@3, terms/<id>@3, apart@3     of the third partition: itself, terms that it uses, what could not be carried out
    <prefix>/…                       of another kind, which says its prefix

`#`, `/` and `@` part the names that an id is made of; none of these holds one of its own. Which kind of subject an id
is of, `kinds` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NUMBER = re.compile(r"(?:[1-9][0-9]{6,14}|T[A-Z2-7]{20})", re.ASCII)
"""A number as an id: its digits with country code, or a token in its place."""
ACCOUNT = re.compile(rf"{NUMBER.pattern}#[1-9][0-9]{{0,8}}", re.ASCII)
"""A well-formed account."""
_PART = re.compile(rf"({ACCOUNT.pattern})/([a-z]+(?:-[a-z]+)*)", re.ASCII)
_EVENT = re.compile(rf"({ACCOUNT.pattern})/([1-9][0-9]{{0,17}})", re.ASCII)
_PARTITION = re.compile(r"(?:log|apart|terms/[^#/@]*)@(0|[1-9][0-9]{0,8})", re.ASCII)

SUBJECT_SQL = "substr(originator_id, 1, instr(originator_id || '#', '#') - 1)"
"""`subject_of` in SQLite, of the column `originator_id`."""


def beginning_with(prefix: str) -> tuple[str, str]:
    """What begins with an ASCII prefix lies from the first of these to before the second, as SQLite and Python sort."""
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)


TERMS = beginning_with("terms/")
"""The ids of all terms' streams."""
NUMBERS = ("0", "U")
"""The ids of numbers and their accounts lie from the first to before the second."""
OF_ACCOUNTS = "#"
"""What the id of an account has, and that of no number."""


def subject_of(stream: str) -> str:
    """What a stream is counted under, and what its events have as their key: an account's number, else itself."""
    return stream.partition("#")[0]


def streams_of(subject: str) -> tuple[str, str]:
    """The ids of a subject's further streams lie between these two."""
    return beginning_with(subject + "#")


def names_in(id_: str) -> list[str]:
    """The names that the id of an account, or of a ledger account, is made of: `6288…`, `1`, `credit`."""
    return id_.replace("#", "/").split("/")


def is_under(id_: str, stream: str) -> bool:
    """Whether an id was given by an account: a transfer's by its sender's."""
    return id_.startswith(f"{stream}/")


def is_plain(name: str) -> bool:
    """Whether a name may be part of an id."""
    return not ("#" in name or "/" in name or "@" in name)


def account_of(number: str, generation: int) -> str:
    """The id of a number's account; the first is of generation 1."""
    return f"{number}#{generation}"


def is_account(stream: str) -> bool:
    """Whether it is an account's stream, and not its number's own."""
    return "#" in stream


def is_of_line(stream: str) -> bool:
    """Whether it is a number, or an account of one."""
    return stream[:1].isdigit() or stream[:1] == "T"


def is_token(number: str) -> bool:
    """Whether what stands for a number is a token: a log has these in place of all its numbers, or none."""
    return number[:1] == "T"


def number_in(text: str) -> str | None:
    """The number of a well-formed number or account; None where the text is neither."""
    number = subject_of(text)
    whole = NUMBER if number == text else ACCOUNT
    return None if whole.fullmatch(text) is None else number


def event_of(account: str, version: int) -> str:
    """The id of an account's event: `6288112345678#1/12`."""
    return f"{account}/{version}"


def event_in(text: str) -> tuple[str, int] | None:
    """The account and version that an event's id names; None where it is none."""
    found = _EVENT.fullmatch(text)
    return None if found is None else (found[1], int(found[2]))


# --- the partition's own --------------------------------------------------------------------------------------------


PartitionOf = Callable[[str], int]
"""Tells the partition that a subject lies in."""


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


def is_own(stream: str) -> bool:
    """Whether it is the partition's own: of no subject whose key decides where it lies."""
    return stream.startswith(("log@", "apart@", "terms/"))


def is_apart(stream: str) -> bool:
    """Whether it holds what could not be carried out."""
    return stream.startswith("apart@")


# --- ledger accounts --------------------------------------------------------------------------------------------------

SUSPENSE = "suspense"
"""What holds money that no account took, for each number and reference: `suspense/6288112345678/<reference>`."""
OF_SUSPENSE = beginning_with(f"{SUSPENSE}/")
"""The names of those ledger accounts."""

OF_OPERATOR = beginning_with("operator/")
"""The names of the operator's ledger accounts."""
OF_CUSTOMERS = NUMBERS
"""And those of customers' accounts: `6288112345678#1/credit`."""


def suspense_of(msisdn: str, reference: str) -> str:
    """The ledger account of what lies in suspense on a number under a reference, which may hold anything."""
    return f"{SUSPENSE}/{msisdn}/{reference}"


def suspense_in(text: str) -> tuple[str, str] | None:
    """The number and the reference that such a ledger account names; None where it is none."""
    prefix, _, rest = text.partition("/")
    msisdn, _, reference = rest.partition("/")
    return (msisdn, reference) if prefix == SUSPENSE and NUMBER.fullmatch(msisdn) and reference else None


def is_operators(ledger_account: str) -> bool:
    """Whether a ledger account is the operator's, and no subject's."""
    return ledger_account.startswith("operator/")


def part_of(ledger_account: str) -> str:
    """Which part (`credit`) of an account a ledger account is; of the operator's, its name; or `suspense`."""
    return SUSPENSE if ledger_account.startswith(OF_SUSPENSE[0]) else ledger_account.rpartition("/")[2]


def part_in(text: str) -> tuple[str, str] | None:
    """The account and its part that a well-formed customer's ledger account names; None where it is none."""
    found = _PART.fullmatch(text)
    return None if found is None else (found[1], found[2])


# --- what follows ---------------------------------------------------------------------------------------------------

POLICY = "policy"
"""The actor of what follows."""
POLICY_IDS = "policy/"
"""How the ids begin of what follows."""


def links_of(command_id: str) -> int:
    """How many commands of policies stand one behind the other, as far as the last one's id says so."""
    count = 0
    while command_id.startswith(POLICY_IDS):
        command_id, count = command_id.removeprefix(POLICY_IDS), count + 1
    return count
