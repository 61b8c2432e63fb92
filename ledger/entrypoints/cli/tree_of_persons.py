"""The verbs about customers as persons, and the vault that holds who they are."""

from __future__ import annotations

from ledger.entrypoints.cli.nouns import Verb

CUSTOMER = {
    "register": Verb(
        "personal:register",
        "customer/CAB3DE4FG5HI6JK7LM8NO --values budi.json --terms privacy-smarty --source gallery",
    ),
    "rectify": Verb("personal:rectify", "customer/CAB3DE4FG5HI6JK7LM8NO --values email.json"),
    "show": Verb(
        "personal:show",
        "customer/CAB3DE4FG5HI6JK7LM8NO --fields name,email --by staff-3 --reason asked-by-customer",
    ),
    "readings": Verb("personal:readings", "customer/CAB3DE4FG5HI6JK7LM8NO"),
    "copies": Verb("personal:copies", "customer/CAB3DE4FG5HI6JK7LM8NO"),
    "give-consent": Verb(
        "GiveConsent",
        "customer/CAB3DE4FG5HI6JK7LM8NO --purpose offers --channel 600-600",
        "Give consent to a purpose, or give it again.",
    ),
    "withdraw-consent": Verb(
        "WithdrawConsent",
        "customer/CAB3DE4FG5HI6JK7LM8NO --purpose offers --channel 600-600",
        "Withdraw consent to a purpose, or refuse it beforehand; free of charge.",
    ),
    "disclose": Verb(
        "Disclose",
        "customer/CAB3DE4FG5HI6JK7LM8NO --to police-jkt --ground law --fields name"
        " --reference order-7 --approved-by staff-2 --actor staff-1",
        "Release fields to somebody, on a ground of the policy.",
    ),
    "hand-out": Verb(
        "personal:hand_out",
        "customer/CAB3DE4FG5HI6JK7LM8NO order-7 --by staff-1 --reason police-jkt",
    ),
    "access": Verb(
        "access_desk:access",
        "customer/CAB3DE4FG5HI6JK7LM8NO person.zip --by staff-3 --reason asked-by-customer",
    ),
    "request-access": Verb(
        "RequestAccess",
        "customer/CAB3DE4FG5HI6JK7LM8NO --request a-1 --channel care",
        "The person asks for everything that is kept.",
    ),
    "answer-access": Verb(
        "AnswerAccess",
        "customer/CAB3DE4FG5HI6JK7LM8NO --request a-1 --digest"
        " 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Say that what a person asked for was handed over; `access` does so by itself.",
    ),
    "restrict": Verb(
        "RestrictProcessing",
        "customer/CAB3DE4FG5HI6JK7LM8NO --channel care",
        "Neither show nor disclose the person, nor make offers, until this is lifted.",
    ),
    "lift-restriction": Verb(
        "LiftRestriction",
        "customer/CAB3DE4FG5HI6JK7LM8NO --channel care",
        "Lift the restriction: the person may be shown, disclosed and made offers again.",
    ),
    "request-erasure": Verb(
        "RequestErasure",
        "customer/CAB3DE4FG5HI6JK7LM8NO --request e-1 --channel care",
        "The person asks that what is kept be destroyed.",
    ),
    "erase": Verb(
        "ErasePerson",
        "customer/CAB3DE4FG5HI6JK7LM8NO --decided-by staff-1 --approved-by staff-2 --actor staff-1",
        "Begin the erasure of a person: each account is asked first.",
    ),
    "hold": Verb(
        "SetPersonHold",
        "customer/CAB3DE4FG5HI6JK7LM8NO --reference case-7",
        "Hold the person's data for a legal case.",
    ),
    "lift-hold": Verb(
        "LiftPersonHold",
        "customer/CAB3DE4FG5HI6JK7LM8NO --reference case-7",
        "Lift the hold of a legal case, and no other.",
    ),
    "record-breach": Verb(
        "RecordBreach",
        "breach/b-1 --terms privacy-smarty --discovered-at 2024-03-01T10:00:00+07:00"
        " --scope readings-of-staff-3 --fields name,email",
        "Record that personal data were exposed, and of how many persons: its scope's query counts them.",
    ),
    "notify-breach": Verb(
        "NotifyBreach",
        "breach/b-1 --to authority --reference letter-7",
        "Say that the authority, or the persons, were told of a breach.",
    ),
    "advance-breach": Verb("AdvanceBreach", "breach/b-1", "Record what fell due for the breach."),
    "advance": Verb("AdvanceCustomer", "customer/c-17", "Record what fell due for the customer."),
    "list": Verb("contract_desk:customers", "--in-debt"),
    "preferences": Verb("person_desk:preferences", "6288112345678"),
    "requests": Verb("person_desk:requests", "--open"),
    "disclosures": Verb("person_desk:disclosures", "customer/CAB3DE4FG5HI6JK7LM8NO"),
    "erasures": Verb("person_desk:erasures", "--blocked"),
    "holds": Verb("person_desk:holds", "customer/CAB3DE4FG5HI6JK7LM8NO"),
    "exposed": Verb("personal:exposed", "breach/b-1"),
    "breaches": Verb("person_desk:breaches", "--open"),
}
VAULT = {
    "new-key": Verb("vault_desk:new_key", "vault.key"),
    "rotate": Verb("vault_desk:rotate", "--new-key vault-2027.key"),
    "backup": Verb("vault_desk:back_up", "vault-2026-11-30.bak"),
    "restore": Verb("vault_desk:restore", "vault-2026-11-30.bak"),
    "adopt": Verb("vault_desk:adopt", ""),
    "keepers": Verb("vault_desk:keepers", ""),
    "check": Verb("vault_desk:check", ""),
    "sweep": Verb("vault_desk:sweep", "--grace-hours 48"),
}
