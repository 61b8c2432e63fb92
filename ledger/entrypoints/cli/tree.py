"""Every word of `pulsa`: the nouns and their verbs, where each is done, an example of each. It imports nothing else.

A verb is a function of a module beside this one (`module:function`), or a command as the schemas name it (`TopUp`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.entrypoints.cli.tree_of_statements import OF_STATEMENTS


class Verb(NamedTuple):
    """A verb: what does it, how it may be used, and what it does in words where no function's docstring says so."""

    does: str
    example: str
    words: str = ""


class Noun(NamedTuple):
    """A noun: in which group the help has it, what its verbs do, and these by name."""

    group: str
    words: str
    verbs: Mapping[str, Verb]


class Top(NamedTuple):
    """A verb that is asked so often that it stands without a noun."""

    group: str
    words: str
    verb: Verb


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
_CONTRACT = {
    "open": Verb(
        "OpenContract",
        "6288112345678 --customer c-17 --plan elite-100 --terms smartfren-elite-2023 --billing-day 1"
        " --registration verified",
        "Open the number's next account: a contract on a plan.",
    ),
    "verify": Verb(
        "RecordVerification",
        "6288112345678 --result passed",
        "Record that the customer was verified, or was not.",
    ),
    "change-plan": Verb(
        "ChangePackage",
        "6288112345678 --plan elite-200 --channel gallery",
        "Take another plan from the next boundary on, as the customer asks.",
    ),
    "move": Verb(
        "UpdateService",
        "6288112345678 --plan elite-free --reason plan-withdrawn --approved-by staff-2",
        "Move the contract to another plan, by the operator.",
    ),
    "set-limit": Verb(
        "SetCreditLimit", "6288112345678 --amount 500000 --approved-by staff-2", "Set the credit limit."
    ),
    "roaming-on": Verb("ActivateRoaming", "6288112345678", "Turn roaming on."),
    "roaming-off": Verb("DeactivateRoaming", "6288112345678", "Turn roaming off."),
    "set-debit": Verb(
        "SetAutoDebit",
        "6288112345678 --mandate m-1 --effective-on 2023-08-01 --initiated-by customer",
        "Set a mandate to debit, from a day on.",
    ),
    "remove-debit": Verb("RemoveAutoDebit", "6288112345678", "Remove the mandate to debit."),
    "unsubscribe": Verb(
        "RequestUnsubscribe", "6288112345678 --channel gallery", "End the contract, as the customer asks."
    ),
    "show": Verb("contract_desk:contract", "6288112345678"),
    "list": Verb("contract_desk:contracts", "--state terminated"),
}
_BILL = {
    "credit": Verb(
        "IssueCreditNote",
        "6288112345678 --note n-1 --bill 6288112345678-1-B0001 --lines usage:5000:twice"
        " --reason mistake --approved-by staff-2",
        "Take back part of a bill by a credit note.",
    ),
    "debit": Verb(
        "IssueDebitNote",
        "6288112345678 --note n-2 --bill 6288112345678-1-B0001 --lines usage:5000:missed"
        " --reason mistake --approved-by staff-2",
        "Charge something more for a bill by a debit note.",
    ),
    "waive-fine": Verb(
        "WaiveFine",
        "6288112345678 --fine 6288112345678-1-B0001/F1 --reason mistake --approved-by staff-2",
        "Waive a late fine.",
    ),
    "charge-collection": Verb(
        "ChargeCollectionCost",
        "6288112345678 --amount 50000 --reference c-1 --approved-by staff-2",
        "Charge what it cost to collect.",
    ),
    "write-off": Verb(
        "WriteOff",
        "6288112345678 --bill 6288112345678-1-B0001 --amount 1000 --reason mistake --approved-by staff-2",
        "Give up what is open on a bill, or part of it.",
    ),
    "request-paper": Verb(
        "RequestHardCopy",
        "6288112345678 --bill 6288112345678-1-B0001",
        "Ask for bills on paper, of one bill or of each from now on.",
    ),
    "stop-paper": Verb(
        "StopHardCopy",
        "6288112345678",
        "Ask for bills on paper no more.",
    ),
    "show": Verb("contract_desk:bill", "6288112345678-1-B0001"),
    "list": Verb("contract_desk:bills", "6288112345678"),
}
_PAYMENT = {
    "receive": Verb(
        "ReceivePayment",
        "6288112345678 --reference p-1 --amount 111000 --method transfer --payer c-17",
        "Take note of a payment.",
    ),
    "settle": Verb(
        "SettlePayment",
        "6288112345678 --reference p-1",
        "Say that the money of a payment is good.",
    ),
    "fail": Verb(
        "FailPayment",
        "6288112345678 --reference p-1 --reason no-funds",
        "Say that a payment came to nothing.",
    ),
    "reverse": Verb(
        "ReversePayment",
        "6288112345678 --reference p-1 --reason mistake --approved-by staff-2",
        "Take a settled payment back.",
    ),
    "refund-advance": Verb(
        "RefundAdvance",
        "6288112345678 --bank-cost 6500 --reference t-1",
        "Say that what was left of advance was paid out.",
    ),
    "list": Verb("contract_desk:payments", "6288112345678"),
}
_CUSTOMER = {
    "advance": Verb("AdvanceCustomer", "--customer customer/c-17", "Record what fell due for the customer."),
}
_STATEMENT = {name: Verb(*verb) for name, verb in OF_STATEMENTS.items()}
_DEPOSIT = {
    "receive": Verb(
        "ReceiveDeposit",
        "6288112345678 --deposit d-1 --amount 500000 --purpose roaming --payer c-17",
        "Take a deposit.",
    ),
    "apply": Verb(
        "ApplyDeposit",
        "6288112345678 --decided-by staff-3",
        "Set the deposit against what is owed.",
    ),
    "request-refund": Verb(
        "RequestDepositRefund",
        "6288112345678 --payee c-17 --reference r-1",
        "Ask for the deposit that is left.",
    ),
    "confirm": Verb(
        "ConfirmRefundRequirements",
        "6288112345678 --decided-by staff-3",
        "Say that what else a refund needs is there.",
    ),
    "pay-refund": Verb(
        "PayDepositRefund",
        "6288112345678 --bank-cost 6500 --reference t-1",
        "Say that the deposit left was paid out.",
    ),
    "set-hold": Verb(
        "SetLegalHold",
        "6288112345678 --reference h-1",
        "Set a legal hold: the deposit is not forfeited meanwhile.",
    ),
    "lift-hold": Verb(
        "LiftLegalHold",
        "6288112345678 --reference h-1",
        "Lift the legal hold.",
    ),
    "list": Verb("contract_desk:deposits", "6288112345678"),
}
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
    "list": Verb("keeping:terms_list", ""),
    "show": Verb("keeping:terms_show", "smartfren-prepaid-2023"),
    "check": Verb("keeping:terms_check", "my-terms-2024.toml"),
    "new": Verb("terms_tools:terms_new", "my-terms-2024 --out my-terms-2024.toml"),
    "diff": Verb("terms_tools:terms_diff", "smartfren-prepaid-2023 smartfren-prepaid-2025"),
    "explain": Verb("terms_tools:terms_explain", "smartfren-prepaid-2023 forfeiture"),
}
_DATA = {
    "template": Verb("templating:data_template", "RecordUsage TopUp"),
    "export": Verb("exporting:export", "csv --out october.csv --from 2023-10-01 --to 2023-10-31"),
    "simulate": Verb("simulating:simulate_", "--subscribers 100 --months 3 --out records"),
}
_LOG = {
    "events": Verb("logs:events", "--account 6288112345678 --type CreditForfeited -n 5"),
    "outcome": Verb("asking:outcome", "6288112345678 top-1"),
    "verify": Verb("keeping:verify_", ""),
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
    "prove": Verb("proving:prove", "0:120 event.tlog-proof --trust public.key"),
    "bundle": Verb("proving:bundle", "6288112345678 evidence.zip --trust public.key"),
    "verify-bundle": Verb("proving:verify_bundle", "evidence.zip --trust public.key"),
    "new-key": Verb("proving:new_key", "signing.key --name ledger.example"),
    "show-key": Verb("proving:show_key", "--key signing.key"),
}
_PROJECTIONS = {
    "run": Verb("projecting:project", "--once"),
    "rebuild": Verb("projecting:rebuild", "balances --check"),
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
    "contract": Noun("Customers", "Open and end contracts; plan, limit, roaming, debit", _CONTRACT),
    "bill": Noun("Customers", "Show bills; notes, fines, costs, write-offs, paper", _BILL),
    "payment": Noun("Customers", "Receive, settle, fail, reverse, refund; list", _PAYMENT),
    "deposit": Noun("Customers", "Receive, apply, refund, list; legal hold", _DEPOSIT),
    "customer": Noun("Customers", "Whose debts block his other accounts", _CUSTOMER),
    "statement": Noun("Books", "Statements of others: take in, show, decide, sign off", _STATEMENT),
    "reconcile": Top(
        "Books",
        "A statement against the record, line by line",
        Verb("statement_desk:reconcile_", "statement/9f86d081884c7d659a2feaa0c55ad015"),
    ),
    "terms": Noun("Books", "The terms that decide: show, explain, diff, write new", _TERMS),
    "ingest": Top(
        "Books",
        "Take in files of commands",
        Verb("ingesting:ingest", "usage.jsonl.gz topups.csv --outcomes outcomes.jsonl"),
    ),
    "data": Noun("Books", "Templates of files; export postings, simulate records", _DATA),
    "log": Noun("Books", "Events, outcomes; verify, replay; create, back up, copy", _LOG),
    "audit": Noun("Books", "Sign checkpoints, prove events, hand out evidence", _AUDIT),
    "status": Top("Service", "Where the log and its projections stand", Verb("projecting:status", "")),
    "doctor": Top(
        "Service", "What is wrong, and which page of the runbook helps", Verb("doctoring:doctor", "")
    ),
    "service": Noun("Service", "Run writer, clock and projections on Kafka", _SERVICE),
    "projections": Noun("Service", "Keep the tables of questions, make them anew", _PROJECTIONS),
    "dead-letters": Noun("Service", "What could not be carried out: list, show, resend", _DEAD_LETTERS),
    "settings": Top(
        "Service", "The settings in force, and where from", Verb("keeping:settings_", "--log first.db")
    ),
}
