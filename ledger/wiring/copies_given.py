"""Copies of persons that are given out: noted in the vault before they are made, where a vault is set."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO

from ledger.audit.evidence.parts import json_of
from ledger.domain.customer.ids_of_customers import own_id
from ledger.vault.copies_made import CopyMade, noted_first
from ledger.wiring.composition import Opened
from ledger.wiring.persons import serving_vault

_OF_CUSTOMERS = ("customer", "from_customer", "to_customer")
"""The fields of events that name whose an account is, was or is to be."""


@contextmanager
def noted(opened: Opened, copies: Sequence[CopyMade]) -> Iterator[None]:
    """Notes copies that are then made and put somewhere. Raises VaultConflict where a person was erased meanwhile."""
    with serving_vault(opened) as kept, noted_first(kept, copies, secrets.token_bytes):
        yield


@contextmanager
def bundle_noted(opened: Opened, number: str, content: bytes, at: int) -> Iterator[None]:
    """Notes evidence of a number that is then given out, for every customer whom its events name.

    Nothing of who they are is in it: no erasure reaches it.
    """
    if opened.settings.vault_key is None:
        yield
        return
    digest = sha256(content).digest()
    copies = [CopyMade(own_id(one), at, "bundle", number, digest) for one in _named_in(content)]
    with noted(opened, copies):
        yield


def _named_in(content: bytes) -> list[str]:
    with zipfile.ZipFile(BytesIO(content)) as bundle:
        lines = bundle.read("events.jsonl").splitlines()
    events = [json_of(line)["event"] for line in lines]
    return sorted({event[name] for event in events for name in _OF_CUSTOMERS if event.get(name)})
