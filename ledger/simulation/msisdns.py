"""Numbers, holders and cards of made-up subscribers; nobody is meant."""

from __future__ import annotations

_EIGHT_DIGITS = 10**8
_STRIDE = 73_687_873
"""Odd and no multiple of five: so no two indexes get the same eight digits."""

SMARTFREN, TELKOMSEL, NOBODY = "62881", "62812", "62889"
"""The ranges; no number of the last one is ever issued."""


def msisdn(index: int, prefix: str = SMARTFREN) -> str:
    """The number of a subscriber."""
    return f"{prefix}{(index * _STRIDE + 20_240_701) % _EIGHT_DIGITS:08d}"


def customer(index: int) -> str:
    """The pseudonymous id of a holder."""
    return f"customer-{index:06d}"


def iccid(number: str, card: int) -> str:
    """The number of a card: the line's n-th."""
    return f"896209{number[2:]}{card:02d}"
