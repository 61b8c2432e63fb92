"""Free text is where persons come back: what looks like an e-mail address or an identity number is not taken.

It is looked at where text comes in, and what is refused is not said again: neither in the answer nor in any file.
"""

from __future__ import annotations

import re
from unicodedata import category, decimal, normalize

from ledger.domain.approval import UNSEEN

IDENTITY_DIGITS = 16
"""Digits of an Indonesian identity number (NIK): region, day (of women plus 40), month and year of birth, a counter."""
_IDENTITY = re.compile(
    r"(?<![0-9])[1-9][0-9]{5}"
    r"(?:0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])(?:0[1-9]|1[0-2])"
    r"[0-9]{6}(?![0-9])",
    re.ASCII,
)
_GROUPED = re.compile(
    r"(?<![0-9])"
    r"(?:[0-9]{4}([ .-])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|[0-9]{2}\.[0-9]{2}\.[0-9]{2}\.[0-9]{6}\.[0-9]{4})"
    r"(?![0-9])",
    re.ASCII,
)
"""An identity number as people part its digits."""
_PARTED = re.compile(r"(?<![0-9])(?=([0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4})(?![0-9]))", re.ASCII)
"""The same by signs of several kinds, and behind other digits: so may years and amounts stand side by side, too."""
_FEWEST_SIGNS = 3
"""That part such digits."""
_OF_A_REGION = re.compile(
    r"(?:1[1-9]|21|3[1-6]|5[1-3]|6[1-5]|7[1-6]|8[12]|9[1-7])(?:0[1-9]|[1-3][0-9]|7[1-9])", re.ASCII
)
"""A province, and a regency or a town of it: no year of this century, and no number with its country, begins so."""
_OF_A_MACHINE = re.compile(r"(?<![0-9A-Fa-f])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{24,}(?![0-9A-Fa-f])", re.ASCII)
"""Ids and digests in hexadecimal, in which such digits come by chance."""
_NO_DIGIT = re.compile(r"[^0-9]", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>,;:/()\"]+@[^\s@<>,;:/()\"]+\.[^\W\d_]{2,}")


class PersonalText(ValueError):
    """The text holds something that tells who a person is."""


def must_tell_of_nobody(text: str) -> None:
    """Raises PersonalText where a text holds an e-mail address or an identity number; it is told, and not repeated."""
    if not text.isascii():
        text = _as_read(text)
    if "@" in text and _EMAIL.search(text):
        raise PersonalText(
            "it holds an e-mail address; who a person is belongs in the vault, and never in the log"
        )
    if len(text) >= IDENTITY_DIGITS and (_holds_identity(text) or _is_grouped(text)):
        raise PersonalText(
            "it holds an identity number; who a person is belongs in the vault, and never in the log"
        )


def _as_read(text: str) -> str:
    """A text without what shows nothing, its wide signs, digits of other scripts and full stops as ASCII has them."""
    shown = "".join([char for char in UNSEEN.sub("", text) if category(char) != "Cf"])
    plain = normalize("NFKC", shown).replace("\u3002", ".")
    return "".join([str(decimal(char)) if char.isdecimal() else char for char in plain])


def _holds_identity(text: str) -> bool:
    return bool(_IDENTITY.search(text)) and bool(_IDENTITY.search(_OF_A_MACHINE.sub("-", text)))


def _is_grouped(text: str) -> bool:
    if text.count(" ") + text.count(".") + text.count("-") < _FEWEST_SIGNS:
        return False
    return any(_is_identity(found[0]) for found in _GROUPED.finditer(text)) or any(
        _OF_A_REGION.match(_NO_DIGIT.sub("", found[1])) and _is_identity(found[1])
        for found in _PARTED.finditer(text)
    )


def _is_identity(parted: str) -> bool:
    return _IDENTITY.fullmatch(_NO_DIGIT.sub("", parted)) is not None


def tells_of_somebody(text: str) -> bool:
    """Whether it holds one of these."""
    try:
        must_tell_of_nobody(text)
    except PersonalText:
        return True
    return False
