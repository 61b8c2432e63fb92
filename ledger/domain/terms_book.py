"""The terms that are known: documents as they were published, word for word, and the rules that they say.

What a log has published stands for good. Its rules are read when something is done under them, and not before: a
document of a later release, which this one does not understand, stops nobody who has nothing to do with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, KeysView
from typing import NamedTuple, TypeVar

from ledger.domain.terms import Terms
from ledger.domain.terms_models import understood
from ledger.errors import LedgerError, TermsChanged, TermsInvalid, TermsMissing
from ledger.release import RELEASE

_Model = TypeVar("_Model", bound=Terms)

_LONGEST_ID = 60
"""Characters of an id that are told."""


class Document(NamedTuple):
    """Terms as a log has published them, or would: their text, and its SHA-256 in hexadecimal."""

    terms_id: str
    content: str
    digest: str

    @classmethod
    def of(cls, terms: Terms) -> Document:
        """What is published of a file."""
        return cls(terms.id, terms.content, terms.digest)

    def rules(self) -> Terms:
        """What it says. Raises TermsInvalid, with key and release, where this release does not understand it."""
        try:
            return understood(self.content, self.terms_id)
        except TermsInvalid as error:
            named = repr(self.terms_id[:_LONGEST_ID])[1:-1]
            message = f"terms {named}, as published, are not understood by release {RELEASE}: {error}"
            raise TermsInvalid(message) from None


class TermsBook:
    """The terms known by id; `files` are there to be published at their first use.

    Where a file, or another partition, says otherwise than what was published under its id (as this release understands
    both), asking for these terms raises TermsChanged: two rules under one name would make the past ambiguous.
    """

    __slots__ = ("_faults", "_offered", "_published", "_rules")

    def __init__(self, files: Iterable[Terms] = ()) -> None:
        self._rules: dict[str, Terms] = {terms.id: terms for terms in files}
        self._offered = {terms.id: Document.of(terms) for terms in self._rules.values()}
        self._published: dict[str, list[Document]] = {}
        self._faults: dict[str, tuple[type[LedgerError], str]] = {}
        """Why there are no rules under an id: a text is read once, however many events are under it."""

    def __contains__(self, terms_id: object) -> bool:
        return terms_id in self._published or terms_id in self._offered

    # --- rules ------------------------------------------------------------------------------------------------------

    def __getitem__(self, terms_id: str) -> Terms:
        """The rules under an id. Raises KeyError, TermsInvalid, TermsChanged."""
        rules = self._rules.get(terms_id)
        return self._read(terms_id) if rules is None else rules

    def of(self, model: type[_Model], terms_id: str) -> _Model:
        """The rules under an id, of one product. Raises TermsMissing where they are of another, and as above."""
        rules = self._rules.get(terms_id)
        if rules is None:
            rules = self._read(terms_id)
        if not isinstance(rules, model):
            raise TermsMissing(f"{terms_id}: these are terms of {rules.product}")
        return rules

    def __iter__(self) -> Iterator[Terms]:
        return (self[document.terms_id] for document in self.documents())

    def _read(self, terms_id: str) -> Terms:
        if terms_id in self._faults:
            kind, fault = self._faults[terms_id]
            raise kind(fault)
        first, *others = self._said(terms_id)
        try:
            rules = self._rules[terms_id] = _agreed(first, others)
        except (TermsInvalid, TermsChanged) as error:
            self._faults[terms_id] = type(error), str(error)
            raise
        return rules

    def _forget(self, terms_id: str) -> None:
        self._rules.pop(terms_id, None)
        self._faults.pop(terms_id, None)

    def _said(self, terms_id: str) -> list[Document]:
        """Everything that is said under an id; what was published first stands first. Raises KeyError."""
        if terms_id not in self._published:
            return [self._offered[terms_id]]
        offered = self._offered.get(terms_id)
        return [*self._published[terms_id], *([] if offered is None else [offered])]

    # --- documents --------------------------------------------------------------------------------------------------

    def documents(self) -> list[Document]:
        """What holds under each id: as it was published, where it was."""
        return [self.document(terms_id) for terms_id in {**self._offered, **self._published}]

    def document(self, terms_id: str) -> Document:
        """What holds under an id. Raises KeyError."""
        published = self._published.get(terms_id)
        return self._offered[terms_id] if published is None else published[0]

    def digest(self, terms_id: str) -> str:
        """The digest of the terms: as published, where they were. Raises KeyError."""
        return self.document(terms_id).digest

    @property
    def published(self) -> KeysView[str]:
        """Ids that the log has published."""
        return self._published.keys()

    def has_published(self, terms_id: str, digest: str) -> bool:
        """Whether the log has published the terms, with this digest."""
        return any(document.digest == digest for document in self._published.get(terms_id, ()))

    def publish(self, document: Document) -> None:
        """Takes over what the log has published."""
        said = self._published.setdefault(document.terms_id, [])
        if document in said:
            return
        said.append(document)
        offered = self._offered.get(document.terms_id)
        if len(said) > 1 or offered is None or offered.content != document.content:
            self._forget(document.terms_id)

    def offer(self, document: Document) -> None:
        """From now on this is what is published at the first use of its id, word for word."""
        self._offered[document.terms_id] = document
        self._forget(document.terms_id)

    def withdraw(self, terms_id: str) -> None:
        """Undoes what was published last: it was not recorded."""
        del self._published[terms_id]
        self._forget(terms_id)

    def recall(self, published: Iterable[Document]) -> None:
        """Begins again with what the log has published, all of it. Raises TermsInvalid, TermsChanged."""
        for terms_id in list(self._published):
            self.withdraw(terms_id)
        for document in published:
            self.publish(document)
        for terms_id in self._published:
            self[terms_id]


def _agreed(first: Document, others: Iterable[Document]) -> Terms:
    """The rules that a document says. Raises TermsChanged where another one says otherwise, and TermsInvalid."""
    rules = first.rules()
    for other in others:
        if other.content != first.content and (read := other.rules()).content != rules.content:
            raise TermsChanged(_changed(rules, read))
    return rules


def _changed(published: Terms, other: Terms) -> str:
    """Names the terms and the values in which others differ from what was published."""
    before, after = json.loads(published.content), json.loads(other.content)
    names = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return f"terms {published.id} are published in this log with other values: {', '.join(names)}"
