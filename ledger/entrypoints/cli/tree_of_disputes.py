"""The verbs of disputes. It imports nothing but what they are made of."""

from __future__ import annotations

from ledger.entrypoints.cli.nouns import Verb

DISPUTE = {
    "open": Verb(
        "OpenDispute",
        "6288112345678 --dispute C-17 --about top-up --claimed 50000 --unit PULSA --reason amount"
        " --opened-by c-17 --refers-to top-1",
        "Dispute what the system's record says, as the customer asks.",
    ),
    "attach": Verb(
        "AttachEvidence",
        "6288112345678 --dispute C-17 --file receipt.png --media-type image/png --title receipt",
        "Keep a file as evidence, or name what lies elsewhere by its digest.",
    ),
    "decide": Verb(
        "DecideDispute",
        "6288112345678 --dispute C-17 --decision overridden --reason record --decided-by staff-3"
        " --actor staff-3",
        "End a dispute: overridden, corrected, rejected or withdrawn.",
    ),
    "reopen": Verb(
        "ReopenDispute",
        "6288112345678 --dispute C-17 --reason receipt"
        " --digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Open a dispute once more, on new evidence.",
    ),
    "list": Verb("dispute_desk:dispute_list", "--state open"),
    "next": Verb("dispute_desk:dispute_next", "--assignee staff-3"),
    "show": Verb("dispute_desk:dispute_show", "C-17"),
    "statement": Verb("dispute_desk:corrected_statement", "C-17 corrected.json"),
    "bundle": Verb("dispute_desk:dispute_bundle", "C-17 evidence.zip --trust public.key"),
}
