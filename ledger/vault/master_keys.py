"""The master key, which wraps every person's key: in a file of its own, neither beside the vault nor in its backups.

A key management service takes its place by another `Wrapping`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import KeyUnusable, VaultKeyWrong
from ledger.key_files import key_text, make_key_file
from ledger.vault.chance import Chance

KEY_BYTES = 32
"""Bytes of a key: AES-256."""
NONCE_BYTES = 12
"""Bytes of a nonce: AES-GCM, NIST SP 800-38D."""
_PREFIX = "PULSA+VAULT+KEY+"
_TEXT = re.compile(r"PULSA\+VAULT\+KEY\+[0-9a-f]{16}\+[A-Za-z0-9+/]{43}=", re.ASCII)


class Wrapping(Protocol):
    """What wraps a person's key: a master key, or a service that holds one."""

    @property
    def id(self) -> str:
        """Which key it is; nothing of the key itself can be told from it."""

    def wrap(self, key: bytes, about: bytes, chance: Chance) -> bytes:
        """A person's key, encrypted; `about` says whose it is."""

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """The reverse. Raises VaultKeyWrong where it was not wrapped by this key, or is another person's."""


class MasterKey(NamedTuple):
    """A master key of 32 bytes: wraps by AES-256-GCM."""

    secret: bytes

    @property
    def id(self) -> str:
        """The beginning of a digest of it, in hexadecimal."""
        return sha256(b"pulsa vault master key" + self.secret).hexdigest()[:16]

    def wrap(self, key: bytes, about: bytes, chance: Chance) -> bytes:
        """Nonce and ciphertext."""
        nonce = chance(NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """The reverse. Raises VaultKeyWrong."""
        try:
            return AESGCM(self.secret).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], about)
        except (InvalidTag, ValueError) as error:
            raise VaultKeyWrong(f"a key of the vault was not wrapped by master key {self.id}") from error

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def to_text(self) -> str:
        """The key as its file holds it."""
        return f"{_PREFIX}{self.id}+{b64encode(self.secret).decode()}"


def new_master_key(secret: bytes, path: Path) -> MasterKey:
    """Puts a key of 32 random bytes into a new file of mode 0600, its folder made if need be. Raises KeyUnusable."""
    key = MasterKey(secret)
    make_key_file(path, key.to_text())
    return key


def master_key_of(path: Path) -> MasterKey:
    """The master key, from its file, which nobody else may read. Raises KeyUnusable."""
    text = key_text(path)
    if not _TEXT.fullmatch(text):
        raise KeyUnusable(f"{path}: it holds no master key of a vault")
    id_, _, secret = text.removeprefix(_PREFIX).partition("+")
    key = MasterKey(b64decode(secret))
    if key.id != id_:
        raise KeyUnusable(f"{path}: the key's id is not that of its bytes")
    return key
