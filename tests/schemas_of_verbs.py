"""Which JSON Schema of `schemas/answers/` says what a verb prints with `--json`.

One serves every verb that gives a command to the ledger: what became of that command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.domain.kinds import COMMANDS
from ledger.entrypoints.cli.branches import paths

_SCHEMAS = {
    "enquiry": ("enquiry", "closing"),
    "why": ("why",),
    "balance": ("balance",),
    "report trial-balance": ("trial-balance", "trial-balance-by-day"),
    "report movements": ("movements",),
    "report states": ("states",),
    "report blocks": ("blocks",),
    "report upcoming": ("upcoming",),
    "report in-transit": ("in-transit",),
    "report receivables": ("receivables", "receivables-of-each"),
    "number show": ("number",),
    "number history": ("history",),
    "number timeline": ("timeline",),
    "usage show": ("usage",),
    "contract show": ("contract",),
    "contract list": ("contracts",),
    "bill show": ("bill",),
    "bill items": ("bill-items",),
    "bill list": ("bills",),
    "payment list": ("payments",),
    "payment suspense": ("suspense",),
    "deposit list": ("deposits",),
    "dispute list": ("disputes", "sums-of-disputes"),
    "dispute next": ("dispute",),
    "dispute show": ("dispute",),
    "dispute statement": ("corrected-statement",),
    "customer register": ("command",),
    "customer rectify": ("command",),
    "customer show": ("person",),
    "customer hand-out": ("person",),
    "customer readings": ("readings",),
    "customer copies": ("copies",),
    "customer exposed": ("exposed",),
    "customer access": ("archive",),
    "customer list": ("customers",),
    "customer preferences": ("preferences",),
    "customer requests": ("requests",),
    "customer disclosures": ("disclosures",),
    "customer erasures": ("erasures",),
    "customer holds": ("holds",),
    "customer breaches": ("breaches",),
    "statement receive": ("statement-taken",),
    "statement list": ("statements",),
    "statement show": ("items",),
    "statement compare": ("items-compared",),
    "reconcile": ("items",),
    "terms list": ("terms-list",),
    "terms show": ("terms",),
    "terms diff": ("terms-diff",),
    "terms explain": ("terms-explain",),
    "ingest": ("ingest",),
    "log events": ("events",),
    "log journal": ("journal",),
    "log outcome": ("outcome",),
    "log verify": ("verification",),
    "log replay": ("replay",),
    "log advance": ("tick",),
    "log create": ("log-made",),
    "log backup": ("log-copied",),
    "log restore": ("log-copied",),
    "log copy": ("partition-copied", "log-pseudonymised"),
    "log repartition": ("partition-made",),
    "log restore-registry": ("registry-restored",),
    "audit verify": ("checkpoint",),
    "audit consistency": ("consistency",),
    "status": ("status",),
    "doctor": ("doctor",),
    "settings": ("settings",),
    "projections run": ("events-taken",),
    "projections rebuild": ("events-taken", "tables-compared"),
    "projections publish": ("numbers-published",),
    "dead-letters list": ("dead-letters",),
    "dead-letters show": ("dead-letter",),
    "dead-letters resend": ("command", "transfers-resent"),
    "vault backup": ("vault-backup",),
    "vault restore": ("vault-restored",),
    "vault keepers": ("copy-keepers",),
    "vault check": ("vault-findings",),
    "vault sweep": ("vault-swept",),
}

SCHEMAS_OF: Mapping[str, tuple[str, ...]] = _SCHEMAS | {
    path: ("command",) for path, verb in paths() if verb.does in COMMANDS
}
"""By verb: the schema of each line that it prints, or those of which one is that of each line."""


def verb_of(arguments: Sequence[str]) -> str | None:
    """The verb that is called, behind what is set for all of them; None: no verb with a schema is."""
    at = (" ".join(arguments[place : place + length]) for place in range(len(arguments)) for length in (2, 1))
    return next((words for words in at if words in SCHEMAS_OF), None)
