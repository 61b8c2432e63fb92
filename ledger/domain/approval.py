"""Who may approve: another person than the one who asks. An id is compared as it is read, not as it is spelled.

It tells ids apart, not people, and it takes letters of different scripts that look alike for different ones.
"""

from __future__ import annotations

import re
from unicodedata import category, normalize

from ledger.domain.refusals import ApprovalRequired

UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""What Unicode calls ignorable although it is of no category that says so, and Braille's blank: printed as nothing."""
_CONTROLS = {"Cc", "Cf"}
_DASH = "Pd"
_LIKE_A_HYPHEN = frozenset("\u02d7\u06d4\u2043\u2212\u2500\u2796\u2cba")
"""What Unicode's list of confusable characters has for a hyphen, and is no dash by its category."""


def canonical(id_: str) -> str:
    """An id without what the eye does not tell apart: width, composition, case, spaces, characters that show nothing.

    Unicode's NFKC and case folding; every dash is a hyphen. Empty where nothing is left.
    """
    folded = normalize("NFKC", normalize("NFKC", id_).casefold())
    seen = UNSEEN.sub("", folded)
    return "".join(
        [_hyphened(char) for char in seen if not char.isspace() and category(char) not in _CONTROLS]
    )


def _hyphened(char: str) -> str:
    return "-" if category(char) == _DASH or char in _LIKE_A_HYPHEN else char


def must_be_another(approved_by: str, actor: str) -> None:
    """Raises ApprovalRequired unless the approver is somebody, and somebody else than the actor."""
    approver = canonical(approved_by)
    if not approver or approver == canonical(actor):
        raise ApprovalRequired
