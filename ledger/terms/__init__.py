"""The terms files: one for each document and version, beside this module; and folders of more.

A file that is not valid raises `TermsInvalid`, with a line for each thing that is wrong: file, place, fault.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ledger.domain.bounds import LONGEST_TERMS
from ledger.domain.terms import Terms
from ledger.domain.terms_models import resolved
from ledger.errors import TermsInvalid

REGISTER = "clauses.toml"
"""The list of clauses; it lies beside the terms files and is none."""


def bundled() -> list[Terms]:
    """The terms that come with the ledger, by file name. Raises TermsInvalid."""
    return list(_bundled())


@cache
def _bundled() -> tuple[Terms, ...]:
    """Read once a process: they come with its code, and like that do not change while it runs."""
    return tuple(_read(_terms_files(files(__name__))))


def load(path: Path) -> Terms:
    """The terms of one file. Raises TermsInvalid."""
    return _read([path])[0]


def bundled_and(folder: Path | None) -> list[Terms]:
    """The bundled terms, then those of a folder if there is one; an id stands only once in all of them.

    Raises TermsInvalid.
    """
    if folder is None:
        return bundled()
    if not folder.is_dir():
        msg = f"{folder}: is not a folder"
        raise TermsInvalid(msg)
    return _read([*_terms_files(files(__name__)), *_terms_files(folder)])


def words(folder: Path | None = None) -> dict[str, str]:
    """What each clause says, in our words, by its id: those that come with the ledger, and those of a folder.

    Raises TermsInvalid.
    """
    found = dict(_bundled_words())
    own = None if folder is None else folder / REGISTER
    return found if own is None or not own.is_file() else found | _words(own)


@cache
def _bundled_words() -> dict[str, str]:
    return _words(files(__name__) / REGISTER)


def _words(register: Traversable) -> dict[str, str]:
    clauses = _parse(register).get("clauses", [])
    try:
        return {str(row["id"]): str(row["title"]) for row in clauses}  # type: ignore[attr-defined]
    except (TypeError, KeyError) as error:
        msg = f"{register}: clauses: each needs an id and a title"
        raise TermsInvalid(msg) from error


def _terms_files(folder: Traversable) -> list[Traversable]:
    found = (file for file in folder.iterdir() if file.name.endswith(".toml") and file.name != REGISTER)
    return sorted(found, key=lambda file: file.name)


def _read(sources: Iterable[Traversable]) -> list[Terms]:
    """Reads them all before it complains, so that one run shows every fault."""
    terms: list[Terms] = []
    faults: list[str] = []
    file_of: dict[str, Traversable] = {}
    for source in sources:
        try:
            found = _resolved(source)
            _must_be_publishable(source, found)
        except TermsInvalid as error:
            faults.append(str(error))
        else:
            if found.id in file_of:
                faults.append(f"{source}: id: {found.id} is the id of {file_of[found.id]} already")
            file_of.setdefault(found.id, source)
            terms.append(found)
    if faults:
        raise TermsInvalid("\n".join(faults))
    return terms


def _resolved(source: Traversable) -> Terms:
    values = _parse(source)
    try:
        return resolved(values)
    except TermsInvalid as error:
        raise TermsInvalid("\n".join(f"{source}: {fault}" for fault in str(error).splitlines())) from None


def _parse(source: Traversable) -> dict[str, object]:
    try:
        content = tomllib.loads(source.read_bytes().decode("utf-8-sig"))
        unprintable = next(_unprintable(content, ""), None)
        if unprintable is None:
            return content
        msg = f"{source}: {unprintable}: has a character that is not printable"
    except OSError as error:
        msg = f"{source}: cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        msg = f"{source}: is not UTF-8 from byte {error.start} on"
    except tomllib.TOMLDecodeError as error:
        msg = f"{source}: is not TOML: {error}"
    except RecursionError:
        msg = f"{source}: is nested too deeply"
    raise TermsInvalid(msg)


def _unprintable(value: object, place: str) -> Iterator[str]:
    """The places of keys and texts with characters that a terminal might obey."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unprintable(key, place)
            yield from _unprintable(inner, f"{place}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unprintable(inner, f"{place}[{number}]")
    elif isinstance(value, str) and not value.replace("\n", "").isprintable():
        yield repr(place)[1:-1]


def _must_be_publishable(source: Traversable, found: Terms) -> None:
    size = len(found.content.encode())
    if size > LONGEST_TERMS:
        msg = (
            f"{source}: its resolved values take {size} bytes; {LONGEST_TERMS} are the most that is published"
        )
        raise TermsInvalid(msg)
