"""How long what anybody states may be, and how much may add up.

These bounds are part of the language: every entry point has the same.
"""

LONGEST_ID = 200
"""Bytes of an id or code in UTF-8, and of the key of a record."""
LONGEST_OWN_ID = LONGEST_ID + 64
"""Bytes of an id that the ledger makes: of a command's id, with an account and a word before it."""
LONGEST_TEXT = 2_000
"""Bytes of a text in UTF-8."""
LONGEST_COMMAND = 65_536
"""Bytes of a command in Avro: more than all its fields can take together."""
LARGEST_TOTAL = 10**18
"""The most that an account counts in its whole life of granted use of a service, and of sen charged for use."""
MOST_OPEN = 1_000
"""The most blocks, requests and reservations, each, that may be open at once on an account: all are kept in memory.

As many blocks that were lifted so lately that use of then may still come, changes of terms likewise, and top-ups that
may still be reversed: of what is over, another one is refused.
"""
MOST_PAYMENTS = 3_000
"""The most payments that are pending or may still be reversed, and the most lots of advance, on an account."""
MOST_ASSIGNED = 1_000
"""So many more there may be of what the operator's own people bring about."""
MOST_CHARGED = 10_000
"""The most that an account remembers of what use cost: days that use may still come of, each by service and zone."""
LONGEST_TERMS = 500_000
"""Bytes of a terms file's resolved values: they are one event, and a broker takes a record of a million."""


def cut(text: str, longest: int) -> str:
    """The beginning of a text that takes so many bytes of UTF-8 at most, in characters that can be written."""
    return text[:longest].encode("utf-8", "replace")[:longest].decode("utf-8", "ignore")
