"""Free text is where persons come back: what looks like an e-mail address or an identity number is not taken.

It is looked at where text comes in, and what is refused is not said again: neither in the answer nor in any file.
"""

from __future__ import annotations

import re

IDENTITY_DIGITS = 16
"""Digits of an Indonesian identity number (NIK): region, day (of women plus 40), month and year of birth, a counter."""
_IDENTITY = re.compile(
    r"(?<![0-9A-Fa-f])[1-9][0-9]{5}"
    r"(?:0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])(?:0[1-9]|1[0-2])"
    r"[0-9]{6}(?![0-9A-Fa-f])",
    re.ASCII,
)
_EMAIL = re.compile(r"[^\s@<>,;:/()\"]+@[^\s@<>,;:/()\"]+\.[^\W\d_]{2,}")


class PersonalText(ValueError):
    """The text holds something that tells who a person is."""


def must_tell_of_nobody(text: str) -> None:
    """Raises PersonalText where a text holds an e-mail address or an identity number; it is told, and not repeated."""
    if "@" in text and _EMAIL.search(text):
        raise PersonalText(
            "it holds an e-mail address; who a person is belongs in the vault, and never in the log"
        )
    if len(text) >= IDENTITY_DIGITS and _IDENTITY.search(text):
        raise PersonalText(
            "it holds an identity number; who a person is belongs in the vault, and never in the log"
        )


def tells_of_somebody(text: str) -> bool:
    """Whether it holds one of these."""
    try:
        must_tell_of_nobody(text)
    except PersonalText:
        return True
    return False
