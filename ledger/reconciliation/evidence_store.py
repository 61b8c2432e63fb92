"""Files that statements came in and evidence of disputes, by their keyed digest in a folder that its owner alone reads.

A digest is HMAC-SHA-256 under the evidence key, so that nobody guesses from outside what a file says. A file is held
against its digest whenever it is read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from ledger.errors import EvidenceLost, KeyUnusable
from ledger.key_files import key_text, make_key_file

_KEY = 32
_PIECE = 1 << 16


class EvidenceKey:
    """What digests of evidence are keyed with; it does not print."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "EvidenceKey(…)"

    def started(self) -> hmac.HMAC:
        """A digest to be gone on with."""
        return hmac.new(self._key, digestmod=hashlib.sha256)

    def salt(self, file: str, line: int) -> bytes:
        """The salt of a line: of its file's digest and its number."""
        return hmac.digest(self._key, f"{file}/{line}".encode(), "sha256")

    def salted(self, file: str, line: int, raw: bytes) -> str:
        """A line's digest, in hex: of its salt and what stands there."""
        return hashlib.sha256(self.salt(file, line) + raw).hexdigest()


def evidence_key(path: Path, *, make: bool = False) -> EvidenceKey:
    """The key of a file; with `make` one of chance where there is none. Raises KeyUnusable."""
    if make and not path.exists():
        make_key_file(path, secrets.token_hex(_KEY), unless_there=True)
    try:
        key = bytes.fromhex(key_text(path))
    except ValueError as error:
        raise KeyUnusable(f"{path}: no key of {_KEY} bytes in hexadecimal digits") from error
    if len(key) != _KEY:
        raise KeyUnusable(f"{path}: no key of {_KEY} bytes in hexadecimal digits")
    return EvidenceKey(key)


class Kept(NamedTuple):
    """A file that is kept: its keyed digest in hex, its size in bytes, where it lies, and whether it did not before."""

    digest: str
    size: int
    path: Path
    is_new: bool = True
    inode: int = 0

    def take_back(self) -> None:
        """Deletes the file that nothing names, where it is new and nobody has kept it again since."""
        with suppress(FileNotFoundError):
            if self.is_new and self.path.stat().st_ino == self.inode:
                self.path.unlink()


class EvidenceStore:
    """A folder of files by their keyed digest."""

    def __init__(self, folder: Path, key: EvidenceKey) -> None:
        self.folder = folder
        self.key = key

    def keep(self, source: Path) -> Kept:
        """Takes in a copy of a file; one that is there already is left as it is."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.folder / f".{secrets.token_hex(8)}"
        try:
            digest = self.key.started()
            size = 0
            with (
                source.open("rb") as file,
                os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
            ):
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
                inode = os.fstat(copy.fileno()).st_ino
            path = self.folder / digest.hexdigest()
            is_new = not path.exists()
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        return Kept(digest.hexdigest(), size, path, is_new, inode)

    def keep_bytes(self, content: bytes) -> Kept:
        """The same of what is at hand."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.folder / f".{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                copy.write(content)
            return self.keep(new)
        finally:
            new.unlink(missing_ok=True)

    def verified(self, digest: str) -> Path:
        """Where a file lies, once it is what its digest says. Raises EvidenceLost."""
        path = self.folder / digest
        found = self.key.started()
        try:
            if not S_ISREG(path.stat().st_mode):  # it may have no end, or never begin
                raise EvidenceLost(f"{path}: it is no file")
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    found.update(piece)
        except OSError as error:
            raise EvidenceLost(f"{path}: {error.strerror}") from error
        if not hmac.compare_digest(found.hexdigest(), digest):
            raise EvidenceLost(f"{path}: it is not the file that was kept")
        return path
