"""What is done with a person's key: values encrypted field by field, and the digest of them that the log holds."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import VaultDamaged
from ledger.vault.master_keys import NONCE_BYTES

_encode = msgspec.json.Encoder(order="sorted").encode
_NO_SALT = bytes(sha256().digest_size)
_FOR_DIGESTS = b"digest of values\x01"
"""What the key for digests is derived for, in the one block that it needs (RFC 5869, 2.3)."""


class Placement(NamedTuple):
    """Where a value belongs; it opens nowhere else."""

    customer: str
    field: str
    version: int

    def to_bytes(self) -> bytes:
        """As what is encrypted is bound to it: a list in JSON."""
        return _placed(quoted(self.customer), self.field, self.version)


def _placed(customer: str, field: str, version: int) -> bytes:
    """A place as bytes, by the customer in quotes."""
    return f"[{customer},{quoted(field)},{version}]".encode()


def seal(cipher: AESGCM, place: Placement, text: str, nonce: bytes) -> bytes:
    """A value, encrypted by AES-256-GCM under the person's key, which `cipher` has: nonce and ciphertext."""
    return nonce + cipher.encrypt(nonce, text.encode(), place.to_bytes())


def seal_all(
    cipher: AESGCM, customer: str, values: Mapping[str, str], versions: Mapping[str, int], nonces: bytes
) -> list[bytes]:
    """The values of several fields, in the order of their versions, each as `seal` does; `nonces` behind each other."""
    encrypt, quoted_customer, begin = cipher.encrypt, quoted(customer), 0
    sealed = []
    for field, version in versions.items():
        nonce = nonces[begin : begin + NONCE_BYTES]
        begin += NONCE_BYTES
        place = _placed(quoted_customer, field, version)
        sealed.append(nonce + encrypt(nonce, values[field].encode(), place))
    return sealed


def unseal(key: bytes, place: Placement, sealed: bytes) -> str:
    """The reverse. Raises VaultDamaged where it is another's, or was changed."""
    try:
        plain = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.to_bytes())
    except (InvalidTag, ValueError) as error:
        raise VaultDamaged(
            f"{place.customer}: {place.field}, version {place.version}, does not open"
        ) from error
    return plain.decode()


def keyed_digest(key: bytes, values: Mapping[str, str]) -> bytes:
    """HMAC-SHA256 of the values by field, under a key that is derived from the person's (RFC 5869).

    It says that two writings are the same, and to nobody without the key what they are.
    """
    derived = hmac.digest(hmac.digest(_NO_SALT, key, "sha256"), _FOR_DIGESTS, "sha256")
    return hmac.digest(derived, _encode(dict(values)), "sha256")
