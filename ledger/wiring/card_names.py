"""What cards are called in the log: HMAC-SHA256 of their ICCID, under a key that the vault keeps."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from ledger.wiring.settings import Settings

_CARDS = "cards"


def card_names(settings: Settings, *, dry_run: bool = False) -> Callable[[str], str] | None:
    """Names a card by its ICCID; None where no vault is set. The vault is opened for the first one.

    It raises what keeps the vault from being opened.
    """
    if settings.vault_key is None:
        return None
    key = b""

    def named(iccid: str) -> str:
        nonlocal key
        key = key or _key(settings, dry_run=dry_run)
        return hmac.digest(key, iccid.encode(), sha256).hex()

    return named


def _key(settings: Settings, *, dry_run: bool) -> bytes:
    from ledger.wiring.persons import rehearsed_vault, vault  # slow to import, and rarely needed

    with rehearsed_vault(settings) if dry_run else vault(settings) as kept:
        return kept.key_for(_CARDS)
