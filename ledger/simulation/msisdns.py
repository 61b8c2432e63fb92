"""Numbers, holders and cards of made-up subscribers; nobody is meant."""

from __future__ import annotations

import hmac
from hashlib import sha256

_EIGHT_DIGITS = 10**8
_STRIDE = 73_687_873
"""Odd and no multiple of five: so no two indexes get the same eight digits."""

SMARTFREN, TELKOMSEL, NOBODY = "62881", "62812", "62889"
"""The ranges; no number of the last one is ever issued."""
CONTRACTS = "62888"
"""The range of customers with contracts, whatever they have on a number."""
PERSONS = "62887"
"""The range of those who are registered as persons."""
SECOND = 10_000_000
"""How far the indexes of a customer's first and second number lie apart."""
_HOLDERS = 3_000_000


def msisdn(index: int, prefix: str = SMARTFREN) -> str:
    """The number of a subscriber."""
    return f"{prefix}{(index * _STRIDE + 20_240_701) % _EIGHT_DIGITS:08d}"


def customer(index: int) -> str:
    """The pseudonymous id of a holder."""
    return f"customer-{index:06d}"


def with_contract(index: int) -> str:
    """The number of a customer with a contract."""
    return msisdn(index, CONTRACTS)


def of_person(index: int) -> str:
    """The number of one who is registered as a person."""
    return msisdn(index, PERSONS)


def contract_holder(index: int) -> str:
    """The pseudonymous id of a customer with a contract."""
    return customer(_HOLDERS + index)


def card(number: str, card: int) -> str:
    """What a card is called in the log: the line's n-th."""
    return hmac.digest(b"cards of a population", f"{number}/{card}".encode(), sha256).hex()
