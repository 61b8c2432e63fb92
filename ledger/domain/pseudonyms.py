"""Numbers under other names, the same for the same key: what is handed out for analysis names no number.

A number becomes another of fifteen digits, by a permutation whose rounds are HMAC-SHA256 under the key (a Feistel
network, with cycle walking): no two become one, and nobody without the key tells which was which. Longer runs of digits
become runs of the same length, and a token in a number's place another token; so does whatever is written without a
gap before or behind a token. So whatever is written with them still joins, and is read as before.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from functools import lru_cache
from hashlib import sha256

_RUN = re.compile(r"[A-Z2-7]*T[A-Z2-7]{20,}|[0-9]{7,}", re.ASCII)
_OF_RECORD = re.compile(r"ET[A-Z2-7]{20}", re.ASCII)
"""A token as ids of records have it: `E` and the account."""
_FIRST, _COUNT = 10**14, 9 * 10**14
"""The least of the numbers given, and how many there are."""
_LONGEST = 15
_HALF = 25
"""Bits of half a number: 2**50 is the first power of four beyond the count."""
_MASK = (1 << _HALF) - 1
_ROUNDS = 10
_REMEMBERED = 100_000


class Pseudonyms:
    """What numbers are called under a key of any bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"pseudonyms of numbers", sha256)
        self._of_run = lru_cache(_REMEMBERED)(self._made)

    def of(self, text: str) -> str:
        """A text with every token, and every run of seven digits or more, under its other name."""
        return _RUN.sub(lambda run: self._of_run(run[0]), text)

    def _made(self, digits: str) -> str:
        if _OF_RECORD.fullmatch(digits):
            return digits[0] + self._made(digits[1:])
        if not digits.isdecimal():
            digest = hmac.digest(self._key, digits.encode(), sha256)
            letters = b32encode(digest).decode().rstrip("=")
            return "T" + (letters * (len(digits) // len(letters) + 1))[: len(digits) - 1]
        number = int(digits)
        if len(digits) > _LONGEST or number >= _COUNT:
            length = max(len(digits), _LONGEST)
            return str(self._number(f"run {digits}") % (_COUNT * 10 ** (length - _LONGEST))).zfill(length)
        walked = self._permuted(number)
        while walked >= _COUNT:
            walked = self._permuted(walked)
        return str(walked + _FIRST)

    def _permuted(self, number: int) -> int:
        left, right = number >> _HALF, number & _MASK
        for n in range(_ROUNDS):
            left, right = right, left ^ (self._number(f"round {n} {right}") & _MASK)
        return left << _HALF | right

    def _number(self, text: str) -> int:
        return int.from_bytes(hmac.digest(self._key, text.encode(), sha256), "big")
