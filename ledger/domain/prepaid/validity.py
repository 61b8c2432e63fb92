"""Validity: how long credit bought lets the number be used (SP23-16, XP25-13).

Three readings of the extension rule are known; the terms say which one holds.
"""

from __future__ import annotations

from typing import Literal

from ledger.domain.calendar import Zone

ExtensionRule = Literal["longest", "cumulative", "replace"]


def extended(  # noqa: PLR0913 - the rule has six inputs
    zone: Zone, *, old_end: int | None, granted_at: int, days: int, rule: str, cap_days: int | None
) -> int:
    """The new end of validity (an instant) when `days` are granted at `granted_at`.

    `old_end` is the end of the active period that runs at that instant, None where none runs (grace, waiting:
    every rule then gives the new end). `cap_days` bounds the rule `cumulative`, and never shortens.
    """
    new_end = zone.end_of_days(granted_at, days)
    if old_end is None or old_end <= granted_at or rule == "replace":
        return new_end
    if rule == "longest":
        return max(old_end, new_end)
    summed = zone.plus_days(old_end, days)
    if cap_days is not None:
        summed = min(summed, zone.end_of_days(granted_at, cap_days))
    return max(old_end, summed)


def end_after(  # noqa: PLR0913 - the rule has six inputs
    zone: Zone, *, end: int | None, granted_at: int, days: int | None, rule: str | None, cap_days: int | None
) -> int | None:
    """The end of validity after a grant of days, by the end before it; None is a period without end.

    An end at or before `granted_at` runs no more. Credit without validity (`days` is None) leaves a running period as
    it is, and begins one without end; a period without end stays so, but for the rule `replace`.
    """
    running = end is None or end > granted_at
    if days is None or rule is None:
        return end if running else None
    if end is None and rule != "replace":
        return None
    return extended(zone, old_end=end, granted_at=granted_at, days=days, rule=rule, cap_days=cap_days)
