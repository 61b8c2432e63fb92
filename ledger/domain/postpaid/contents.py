"""References and ids that are used once for life: the same content again is known, another is a conflict."""

from __future__ import annotations

from hashlib import sha256

from ledger.domain.ids import account_of
from ledger.domain.line.line import Line
from ledger.domain.refusals import ReferenceConflict, Repeated


def content_of(*parts: object) -> str:
    """The digest of what is said under a reference or id, in hexadecimal; the first part is that one itself."""
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()


def must_be_new(line: Line, account: str, kind: str, id_: str, content: str) -> None:
    """Raises Repeated where it was said before of that account with the same content, else ReferenceConflict."""
    if not line.claimed(account, kind, id_):
        return
    if line.claimed(account, f"{kind}-content", content):
        raise Repeated
    raise ReferenceConflict(id_)


def must_be_new_on_number(line: Line, account: str | None, reference: str, content: str) -> None:
    """The same of money that lay in suspense on the number, whatever became of it.

    What another account of the number has taken is known too: told of twice, it is no money of who has it next.
    `account` is the one that is asked for itself.
    """
    current = 0 if line.account is None else line.account.generation
    for generation in range(max(line.number.generation, current), 0, -1):
        other = account_of(line.msisdn, generation)
        if other != account and line.claimed(other, "payment-content", content):
            raise Repeated
    if not line.claimed(line.msisdn, "suspense", reference):
        return
    if line.claimed(line.msisdn, "suspense-content", content):
        raise Repeated
    raise ReferenceConflict(reference)
