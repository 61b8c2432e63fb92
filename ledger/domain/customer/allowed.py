"""What a person's consents allow (TS-20, SP23-25, SE23-32, PM-04; PS-03 and PM-02 of what is passed on)."""

from __future__ import annotations

from collections.abc import Mapping

OFFERS, PROCESSING = "offers", "processing"
"""Purposes that the contract itself agrees to: they are refused, and allowed again. Any other has to be agreed to.

Everything rests on `processing`: without it the accounts end (PM-05).
"""


def allows(consents: Mapping[str, bool], purpose: str, *, restricted: bool = False) -> bool:
    """Whether a person may be addressed, or their data used, for a purpose.

    `consents` tells of each purpose whether it was given or withdrawn last. Messages on the account and on transactions
    are no purpose: they always go on.
    """
    if restricted or consents.get(PROCESSING) is False:
        return False
    said = consents.get(purpose)
    return said is not False if purpose in (OFFERS, PROCESSING) else said is True
