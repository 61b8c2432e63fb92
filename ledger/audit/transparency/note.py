"""Signed notes (C2SP signed-note): a text, and below it who signed it. Keys are Ed25519 (RFC 8032).

A key that signs lies in a file of its own, `PRIVATE+KEY+<name>+<key id>+<base64>`; the one that verifies is
`<name>+<key id>+<base64>`. Both are as Go's `golang.org/x/mod/sumdb/note` writes them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import CheckpointInvalid, KeyUnusable
from ledger.key_files import key_text, make_key_file

ED25519 = b"\x01"
"""The kind of key, as the format numbers it."""
MOST_BYTES = 1_000_000
"""A note's size at most."""
MOST_SIGNATURES = 100
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_ID_BYTES = 4
_NAME = re.compile(r"[^\s+]{1,200}")
_LINE = re.compile(r"— (?P<name>[^\s+]{1,200}) (?P<signature>[A-Za-z0-9+/]{1,2000}={0,2})")
_PRIVATE = "PRIVATE+KEY+"


class Verifier(NamedTuple):
    """A key that verifies: whose, and its 32 bytes."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that stand before each signature by it."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:_ID_BYTES]

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether a text was signed by the key's holder."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text)
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.key).decode()}"


class Signer(NamedTuple):
    """A key that signs: whose, and its seed of 32 bytes."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> Verifier:
        """The key that verifies what this one signs."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return Verifier(self.name, key)

    def sign(self, text: bytes) -> bytes:
        """The signature of a text."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)

    def __repr__(self) -> str:
        return f"Signer({self.name})"

    def to_text(self) -> str:
        """The key as its file holds it."""
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{b64encode(ED25519 + self.seed).decode()}"


class Note(NamedTuple):
    """A note that was opened: its text, and the names of those trusted keys that signed it."""

    text: str
    signed_by: tuple[str, ...]


def verifier_of(text: str, place: str = "a key") -> Verifier:
    """A key that verifies, from its text.

    Raises KeyUnusable, which names the place that it is from, and tells nothing of a text that may be another secret.
    """
    if text.startswith(_PRIVATE):
        raise KeyUnusable(f"{place}: it is one that signs; who trusts it needs the public one")
    name, key = _parsed(text.strip(), place)
    verifier = Verifier(name, key)
    if str(verifier) != text.strip():
        raise KeyUnusable(f"{place}: its id is not that of its name and bytes")
    return verifier


def signer_of(path: Path) -> Signer:
    """The key that signs, from its file, which nobody else may read. Raises KeyUnusable."""
    text = key_text(path)
    if not text.startswith(_PRIVATE):
        raise KeyUnusable(f"{path}: it holds no key that signs")
    name, seed = _parsed(text.removeprefix(_PRIVATE), str(path))
    signer = Signer(name, seed)
    if signer.to_text() != text:
        raise KeyUnusable(f"{path}: the key's id is not that of its name and bytes")
    return signer


def new_signer(name: str, seed: bytes, path: Path) -> Signer:
    """Puts a key into a new file of mode 0600. Raises KeyUnusable where there is a file, or the name is none."""
    if not _NAME.fullmatch(name):
        raise KeyUnusable(f"{name!r} is no name for a key: it has no spaces and no +")
    signer = Signer(name, seed)
    make_key_file(path, signer.to_text())
    return signer


def signed_note(text: str, signers: Sequence[Signer]) -> str:
    """A note: the text (whose last line ends) and a signature by each key."""
    lines = []
    for signer in signers:
        signature = b64encode(signer.verifier.id + signer.sign(text.encode())).decode()
        lines.append(f"— {signer.name} {signature}\n")
    return f"{text}\n{''.join(lines)}"


class Unverified(NamedTuple):
    """A note that was read, and whose signatures (name, key id, signature) nobody has checked."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]


def read(note: bytes) -> Unverified:
    """A note's text and signatures. Raises CheckpointInvalid where it is no note."""
    if len(note) > MOST_BYTES:
        raise CheckpointInvalid(f"a note has {MOST_BYTES} bytes at most")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointInvalid("a note is text in UTF-8") from error
    if any(ord(sign) < ord(" ") and sign != "\n" for sign in whole):
        raise CheckpointInvalid("a note holds no control characters")
    body, found, signatures = whole.rpartition("\n\n")
    if not found or not signatures.endswith("\n"):
        raise CheckpointInvalid("a note ends in an empty line and its signatures")
    lines = signatures.removesuffix("\n").split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise CheckpointInvalid(f"a note has {MOST_SIGNATURES} signatures at most")
    return Unverified(f"{body}\n", tuple(_signature(line) for line in lines))


def opened(note: bytes, trusted: Iterable[Verifier]) -> Note:
    """A note whose text some trusted key signed.

    Signatures of other keys are passed over. Raises CheckpointInvalid where one of a trusted key does not verify, none
    is of a trusted key, or it is no note.
    """
    text, signatures = read(note)
    keys = {(key.name, key.id): key for key in trusted}
    signed_by: dict[str, None] = {}
    for name, id_, signature in signatures:
        key = keys.get((name, id_))
        if key is None:
            continue
        if len(signature) != _SIGNATURE_BYTES or not key.verifies(text.encode(), signature):
            raise CheckpointInvalid(f"the signature of {name} is not of this text")
        signed_by[name] = None
    if not signed_by:
        raise CheckpointInvalid("no key that is trusted signed it")
    return Note(text, tuple(signed_by))


def _signature(line: str) -> tuple[str, bytes, bytes]:
    found = _LINE.fullmatch(line)
    try:
        held = b64decode(found["signature"], validate=True) if found else b""
    except ValueError:
        held = b""
    if found is None or len(held) <= _ID_BYTES or b64encode(held).decode() != found["signature"]:
        raise CheckpointInvalid("a line below a note's text is no signature")
    return found["name"], held[:_ID_BYTES], held[_ID_BYTES:]


def _parsed(text: str, place: str) -> tuple[str, bytes]:
    """Name and bytes of a key's text."""
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    try:
        held = b64decode(encoded, validate=True)
    except ValueError:
        held = b""
    if not _NAME.fullmatch(name) or len(held) != 1 + _KEY_BYTES or held[:1] != ED25519:
        raise KeyUnusable(f"{place}: it is no Ed25519 key of a signed note")
    return name, held[1:]
