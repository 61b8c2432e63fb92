"""Every word of `pulsa`: the nouns and their verbs, where each is done, and an example of each.

A verb is a function of a module beside this one (`module:function`), or a command as the schemas name it (`TopUp`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.entrypoints.cli.nouns import Noun, Top, Verb
from ledger.entrypoints.cli.tree_of_contracts import BILL, CONTRACT, DEPOSIT, PAYMENT
from ledger.entrypoints.cli.tree_of_disputes import DISPUTE
from ledger.entrypoints.cli.tree_of_persons import CUSTOMER, VAULT
from ledger.entrypoints.cli.tree_of_statements import OF_STATEMENTS

_NUMBER = {
    "issue": Verb(
        "IssueStarterPack",
        "6288112345678 --terms smartfren-prepaid-2023 --printed-credit 5000 --valid-until 2023-12-31",
        "Issue a starter pack: opens the number's next account, inactive, valid to the end of the day stated.",
    ),
    "activate": Verb(
        "Activate",
        "6288112345678 --channel sms-4444 --customer c-17 --registration verified",
        "Activate the account by registration.",
    ),
    "block": Verb(
        "Block",
        "6288112345678 --block b-1 --scope all --ground lost-or-stolen",
        "Set a block, on a ground of the terms.",
    ),
    "unblock": Verb("Unblock", "6288112345678 --block b-1", "Lift that block only."),
    "replace-card": Verb(
        "ReplaceCard",
        "6288112345678 --iccid 8962090000000000017 --identity-checked",
        "Give the number a new card, against identity.",
    ),
    "request-transfer": Verb(
        "RequestRightsTransfer",
        "6288112345678 --request r-1 --to-customer c-18",
        "Ask that the rights to the number pass to another holder.",
    ),
    "decide-transfer": Verb(
        "DecideRightsTransfer",
        "6288112345678 --request r-1 --decision approved --decided-by staff-3",
        "Decide on such a request.",
    ),
    "migrate": Verb(
        "MigrateTerms",
        "6288112345678 --terms smartfren-prepaid-2025",
        "Move the account to other terms.",
    ),
    "terminate": Verb("Terminate", "6288112345678 --ground l", "End the account, on a ground of the terms."),
    "reclaim": Verb(
        "ReclaimNumber",
        "6288112345678 --customer c-17 --terms smartfren-prepaid-2023 --decision approved --decided-by staff-3"
        " --fee-paid true",
        "Give a free number back to its last holder.",
    ),
    "advance": Verb("AdvanceTime", "6288112345678", "Record what fell due for the number."),
    "show": Verb("care:number", "6288112345678"),
    "history": Verb("asking:history", "6288112345678 --refused"),
    "timeline": Verb("care:timeline", "6288112345678"),
}
_CREDIT = {
    "top-up": Verb(
        "TopUp",
        "6288112345678 --credit 10000 --price 11000 --channel app",
        "Sell credit for rupiah.",
    ),
    "reverse-top-up": Verb(
        "ReverseTopUp",
        "6288112345678 --reverses top-1 --reason mistake --approved-by staff-2",
        "Take back what is still there of a top-up.",
    ),
    "charge": Verb(
        "ChargeCredit",
        "6288112345678 --amount 1000.50 --item ringtone",
        "Charge a purchase at a stated price, all or nothing.",
    ),
    "adjust": Verb(
        "AdjustCredit",
        "6288112345678 --amount -500 --reason rounding --approved-by staff-2 --actor staff-1",
        "Correct the credit, up or down, approved by another person; effective at once unless said otherwise.",
    ),
    "transfer": Verb(
        "TransferCredit",
        "6288112345678 --to-msisdn 6288187654321 --amount 5000",
        "Send credit to another number.",
    ),
    "reserve": Verb(
        "ReserveCredit",
        "6288112345678 --reservation r-1 --amount 500 --expires-at 2023-07-04T00:00:00+07:00",
        "Hold part of the available credit.",
    ),
    "capture": Verb(
        "CaptureReservation",
        "6288112345678 --reservation r-1 --amount 350",
        "Take up to what is held, and free the rest.",
    ),
    "release": Verb("ReleaseReservation", "6288112345678 --reservation r-1", "Free what is held."),
}
_USAGE = {
    "record": Verb(
        "RecordUsage",
        "6288112345678 --service voice --direction outgoing --destination off-net --zone zone1"
        " --used-at 2023-07-03T10:00:00+07:00 --quantity 200",
        "Record the use of a service, and charge it by the tariff of its moment.",
    ),
    "roam": Verb(
        "RecordRoaming",
        "6288112345678 --partner SGPST --record r-1 --service voice --direction outgoing --answered --country SG"
        " --used-at 2023-07-03T10:00:00+07:00 --quantity 60 --partner-amount 1.25 --partner-currency USD",
        "Record use abroad, by a partner's record.",
    ),
    "show": Verb("care:usage", "6288112345678"),
}
_STATEMENT = {name: Verb(*verb) for name, verb in OF_STATEMENTS.items()}
_REPORT = {
    "trial-balance": Verb("asking:trial_balance", "--as-of 2024-12-31T23:59:59+07:00"),
    "movements": Verb("care:movements", "operator/breakage"),
    "states": Verb("asking:states", "--csv"),
    "blocks": Verb("care:blocks", "--ground e"),
    "upcoming": Verb("care:due", "--until 2024-01-31T00:00:00+07:00"),
    "in-transit": Verb("asking:transit", "--json"),
    "receivables": Verb("contract_desk:receivables", "--each"),
}
_TERMS = {
    "list": Verb("terms_desk:terms_list", ""),
    "show": Verb("terms_desk:terms_show", "smartfren-prepaid-2023"),
    "check": Verb("terms_desk:terms_check", "my-terms-2024.toml"),
    "new": Verb("terms_desk:terms_new", "my-terms-2024 --out my-terms-2024.toml"),
    "diff": Verb("terms_desk:terms_diff", "smartfren-prepaid-2023 smartfren-prepaid-2025"),
    "explain": Verb("terms_desk:terms_explain", "smartfren-prepaid-2023 forfeiture"),
}
_DATA = {
    "template": Verb("templating:data_template", "RecordUsage TopUp"),
    "export": Verb("exporting:export", "csv --out october.csv --from 2023-10-01 --to 2023-10-31"),
    "simulate": Verb("simulating:simulate_", "--subscribers 100 --months 3 --out records"),
}
_LOG = {
    "events": Verb("logs:events", "--account 6288112345678 --type CreditForfeited -n 5"),
    "journal": Verb("journaling:journal", "--refused --from 2023-10-01 --to 2023-10-31"),
    "outcome": Verb("asking:outcome", "6288112345678 top-1"),
    "verify": Verb("auditing:verify_", ""),
    "replay": Verb("auditing:replay", "--terms my-terms-2024.toml --instead-of smartfren-prepaid-2023"),
    "advance": Verb("ticking:advance_", "--every 10"),
    "create": Verb("logs:log_create", ""),
    "backup": Verb("logs:log_backup", "backup.db"),
    "restore": Verb("logs:log_restore", "backup.db"),
    "copy": Verb("log_copy:log_copy", "--from kafka --to parquet:archive"),
    "repartition": Verb("log_copy:log_repartition", "--from pulsa.db --to wider --partitions 12"),
    "restore-registry": Verb("logs:log_restore_registry", "--from copy.db"),
}
_AUDIT = {
    "checkpoint": Verb("proving:checkpoint", "--key signing.key --every 1"),
    "verify": Verb("proving:verify", "kept/checkpoint --trust public.key"),
    "consistency": Verb("proving:consistency", "kept/old kept/new --trust public.key"),
    "mirror": Verb("proving:mirror", "elsewhere --trust public.key"),
    "prove": Verb("proving:prove", "0:120 event.tlog-proof --trust public.key"),
    "bundle": Verb("proving:bundle", "6288112345678 evidence.zip --trust public.key"),
    "verify-bundle": Verb("proving:verify_bundle", "evidence.zip --trust public.key"),
    "new-key": Verb("proving:new_key", "signing.key --name ledger.example"),
    "show-key": Verb("proving:show_key", "--key signing.key"),
}
_PROJECTIONS = {
    "run": Verb("projecting:project", "--once"),
    "rebuild": Verb("projecting:rebuild", "balances --check"),
    "publish": Verb("told_downstream:publish", "--once"),
}
_SERVICE = {
    "run": Verb("serving:serve", "--create --metrics 127.0.0.1:9400"),
    "write": Verb("serving:writer", "--instance writer-a"),
    "advance": Verb("serving:clock", "--every 10"),
    "kafka": Verb("serving:kafka", "--directory broker"),
}
_DEAD_LETTERS = {
    "list": Verb("dead_letters:dead_list", ""),
    "show": Verb("dead_letters:dead_show", "0:12"),
    "resend": Verb("dead_letters:dead_resend", "0:12"),
}

_PAID = "Receive, settle or apply, refund; list"
_STATED = "Statements of others, held against the record"
_FILES = "Files of commands in; templates, exports, simulations"
_LOOK = "Where it stands, what is wrong, what is set"
_RUN = "Run it; tables; keys"

TREE: Mapping[str, Noun | Top] = {
    "enquiry": Top(
        "Ask", "A number's credit, validity, state and use", Verb("asking:enquiry", "6288112345678")
    ),
    "why": Top(
        "Ask",
        "Why a balance is what it is: changes, causes, clauses",
        Verb("whys:why", "6288112345678 --amount 13727.40"),
    ),
    "balance": Top("Ask", "The balance of ledger accounts", Verb("asking:balance", "operator/breakage")),
    "report": Noun("Ask", "Trial balance, states, blocks, receivables, changes due", _REPORT),
    "number": Noun("Customers", "Issue, activate, block, terminate; history and timeline", _NUMBER),
    "credit": Noun("Customers", "Top up, charge, adjust, transfer, reserve", _CREDIT),
    "usage": Noun("Customers", "Record the use of services, and show it", _USAGE),
    "contract": Noun("Customers", "Open and end contracts; plan, limit, roaming, debit", CONTRACT),
    "bill": Noun("Customers", "Show bills; notes, fines, costs, write-offs, paper", BILL),
    "payment": Noun("Customers", "Receive, settle, fail, reverse, refund; suspense", PAYMENT, _PAID),
    "deposit": Noun("Customers", "Receive, apply, refund, list; legal hold", DEPOSIT, _PAID),
    "dispute": Noun("Customers", "Open, argue, decide; hand out the evidence", DISPUTE),
    "customer": Noun("Customers", "Persons: register, consent, disclose; debts", CUSTOMER),
    "statement": Noun("Books", "Statements of others: take in, show, decide, sign off", _STATEMENT, _STATED),
    "reconcile": Top(
        "Books",
        "A statement against the record, line by line",
        Verb("statement_desk:reconcile_", "statement/9f86d081884c7d659a2feaa0c55ad015"),
        _STATED,
    ),
    "terms": Noun("Books", "The terms that decide: show, explain, diff, write new", _TERMS),
    "ingest": Top(
        "Books",
        "Take in files of commands",
        Verb("ingesting:ingest", "usage.jsonl.gz topups.csv --outcomes outcomes.jsonl"),
        _FILES,
    ),
    "data": Noun("Books", "Templates of files; export postings, simulate records", _DATA, _FILES),
    "log": Noun("Books", "Events, journal; verify, replay; create, back up, copy", _LOG),
    "audit": Noun("Books", "Sign checkpoints, prove events, hand out evidence", _AUDIT),
    "status": Top("Service", "Where the log and its projections stand", Verb("projecting:status", ""), _LOOK),
    "doctor": Top(
        "Service", "What is wrong, and which page of the runbook helps", Verb("doctoring:doctor", ""), _LOOK
    ),
    "settings": Top(
        "Service",
        "The settings in force, and where from",
        Verb("settings_desk:settings_", "--log first.db"),
        _LOOK,
    ),
    "service": Noun("Service", "Run writer, clock and projections on Kafka", _SERVICE, _RUN),
    "projections": Noun("Service", "Keep the tables of questions, make them anew", _PROJECTIONS, _RUN),
    "dead-letters": Noun("Service", "What could not be carried out: list, show, resend", _DEAD_LETTERS, _RUN),
    "vault": Noun("Service", "Keys of the vault that holds who persons are", VAULT, _RUN),
}
