"""What stops the ledger, or a question to it. A class's docstring is its message.

Each has a code, and each code but those of questions a page in `docs/runbook/`. What a command is refused for is an
answer, and stands in `ledger.domain.refusals`.
"""

from __future__ import annotations

from typing import ClassVar

WITH_A_PAGE = frozenset(
    {
        "archive-refused",
        "checkpoint-invalid",
        "checkpoint-mismatch",
        "clock-mismatch",
        "ids-mismatch",
        "clock-refused",
        "commit-uncertain",
        "copy-refused",
        "database-damaged",
        "database-format-unknown",
        "database-full",
        "database-unreachable",
        "defect",
        "deletion-refused",
        "evidence-expired",
        "evidence-lost",
        "evidence-refused",
        "evidence-wrong",
        "file-error",
        "file-exists",
        "instance-taken",
        "key-unusable",
        "log-damaged",
        "log-format-unknown",
        "log-full",
        "log-linked",
        "log-locked",
        "log-mismatch",
        "log-missing",
        "log-unreachable",
        "log-unreadable",
        "mirror-full",
        "policy-endless",
        "policy-refused",
        "registry-mismatch",
        "registry-refused",
        "registry-unreachable",
        "schema-unknown",
        "settings-invalid",
        "statement-unreadable",
        "terms-changed",
        "terms-invalid",
        "terms-missing",
        "tiles-damaged",
        "topic-mismatch",
        "vault-backup-unusable",
        "vault-behind",
        "vault-conflict",
        "vault-damaged",
        "vault-key-wrong",
        "vault-lost",
        "vault-unreachable",
        "writer-fenced",
        "xml-refused",
    }
)
"""Codes of which a page of the runbook says what to do."""


def page_of(code: str) -> str | None:
    """The page of the runbook that says what to do about a code; None where nothing but another question helps."""
    return f"docs/runbook/{code}.md" if code in WITH_A_PAGE else None


class LedgerError(Exception):
    """The ledger cannot go on."""

    code: ClassVar[str] = "ledger-error"
    exit_code: ClassVar[int] = 2


class LogLocked(LedgerError):
    """Another process is writing to this log."""

    code = "log-locked"


class LogLinked(LedgerError):
    """The log's file has several names (hard links): each would be another log."""

    code = "log-linked"


class LogMissing(LedgerError):
    """There is no log at this place."""

    code = "log-missing"


class LogUnreadable(LedgerError):
    """The log's file cannot be opened or written."""

    code = "log-unreadable"


class LogDamaged(LedgerError):
    """The log's file is damaged."""

    code = "log-damaged"


class LogFormatUnknown(LedgerError):
    """The log's file is of a format that this release does not know."""

    code = "log-format-unknown"


class LogFull(LedgerError):
    """There is no room left for the log."""

    code = "log-full"


class LogUnreachable(LedgerError):
    """No broker of the log can be reached."""

    code = "log-unreachable"


class TopicMismatch(LedgerError):
    """A topic of the log is not set up as the log needs it."""

    code = "topic-mismatch"


class DeletionRefused(LedgerError):
    """The brokers do not let this user delete commands that were answered long ago."""

    code = "deletion-refused"


class RegistryMismatch(LedgerError):
    """The registry gives another schema for an id than the log's records were written with."""

    code = "registry-mismatch"


class RegistryUnreachable(LedgerError):
    """The schema registry cannot be reached."""

    code = "registry-unreachable"


class RegistryRefused(LedgerError):
    """The schema registry does not take a schema."""

    code = "registry-refused"


class WriterFenced(LedgerError):
    """Another writer has taken over the log, or this partition of it; nothing of what was under way was recorded."""

    code = "writer-fenced"


class InstanceTaken(LedgerError):
    """Another writer has joined the group by the name of this one."""

    code = "instance-taken"


class CommitUncertain(LedgerError):
    """A transaction did not end as it should; whether it was recorded, only the log can tell."""

    code = "commit-uncertain"


class MirrorFull(CommitUncertain):
    """There is no room left for a mirror; what was under way is recorded or not, as the log on Kafka tells."""

    code = "mirror-full"


class ClockMismatch(LedgerError):
    """The log was created with the other clock."""

    code = "clock-mismatch"


class IdsMismatch(LedgerError):
    """The log was created with the other ids: numbers, or tokens in their place."""

    code = "ids-mismatch"


class TermsInvalid(LedgerError):
    """A terms file is not valid."""

    code = "terms-invalid"


class TermsChanged(LedgerError):
    """A terms file differs from what the log has published under its id."""

    code = "terms-changed"


class TermsMissing(LedgerError):
    """No terms of this id are known."""

    code = "terms-missing"


class SchemaUnknown(LedgerError):
    """An event was written by a schema that neither this release nor the log holds."""

    code = "schema-unknown"


class SettingsInvalid(LedgerError):
    """A setting is not valid."""

    code = "settings-invalid"


class DatabaseUnreachable(LedgerError):
    """The projections' database cannot be reached."""

    code = "database-unreachable"


class DatabaseFull(LedgerError):
    """There is no room left for the projections."""

    code = "database-full"


class DatabaseFormatUnknown(LedgerError):
    """The projections' tables are of another release."""

    code = "database-format-unknown"


class DatabaseDamaged(LedgerError):
    """A table of the projections is gone, or is not what it was made as."""

    code = "database-damaged"


class LogMismatch(LedgerError):
    """Projections or a mirror are of another log, or of this one as it was before it was made anew or restored."""

    code = "log-mismatch"


class QueryRefused(LedgerError):
    """The question cannot be answered."""

    code = "query-refused"


class PolicyRefused(LedgerError):
    """What had to follow from a recorded event was refused: it is set apart, and its money is in transit."""

    code = "policy-refused"


class PolicyEndless(LedgerError):
    """What follows from a recorded event leads on and on: it is set apart where it was stopped."""

    code = "policy-endless"


class CheckpointMismatch(LedgerError):
    """The log is not the one that a signed checkpoint speaks of: it was cut short, rewritten or reordered."""

    code = "checkpoint-mismatch"


class CheckpointInvalid(LedgerError):
    """What was given is no checkpoint, or no key that is trusted signed it."""

    code = "checkpoint-invalid"


class TilesDamaged(LedgerError):
    """The hashes of a tree are not there, or are not those that were signed."""

    code = "tiles-damaged"


class KeyUnusable(LedgerError):
    """A key cannot be used: its file is not there, is not private, or holds no key."""

    code = "key-unusable"


class VaultConflict(LedgerError):
    """The vault has other values for the command, or had the person erased, or is another log's."""

    code = "vault-conflict"


class VaultDamaged(LedgerError):
    """A value of the vault was changed, or is another person's."""

    code = "vault-damaged"


class VaultKeyWrong(LedgerError):
    """The vault was made with another master key."""

    code = "vault-key-wrong"


class VaultBehind(LedgerError):
    """The log tells of values that the vault does not have: it was restored from before they were written."""

    code = "vault-behind"


class VaultLost(LedgerError):
    """The vault is empty, and the log knows persons."""

    code = "vault-lost"


class VaultBackupUnusable(LedgerError):
    """The file is no backup of a vault, is damaged, or its month's key is destroyed."""

    code = "vault-backup-unusable"


class VaultUnreachable(LedgerError):
    """The vault's database does not answer, or is none."""

    code = "vault-unreachable"


class EvidenceRefused(LedgerError):
    """No evidence can be given of this: it is not final, not signed yet, or not known."""

    code = "evidence-refused"


class EvidenceWrong(LedgerError):
    """An evidence bundle says something that is not so."""

    code = "evidence-wrong"


class EvidenceLost(LedgerError):
    """A file of evidence is not there, or is not the one that was kept."""

    code = "evidence-lost"


class EvidenceExpired(LedgerError):
    """The file of a statement was kept for as long as it may be, and is not used any more."""

    code = "evidence-expired"


class StatementUnreadable(LedgerError):
    """The file is of another format than it should be, or cannot be read as one."""

    code = "statement-unreadable"


class ArchiveRefused(LedgerError):
    """The archive is not unpacked: it is damaged, nested, of several files, or would be too large."""

    code = "archive-refused"


class XmlRefused(LedgerError):
    """The XML declares a document type or entities, is too deep, or is not well formed."""

    code = "xml-refused"


class CommandDefect(LedgerError):
    """A command made the ledger's own code fail; nothing of it was recorded."""

    code = "defect"
