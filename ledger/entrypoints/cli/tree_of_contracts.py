"""The verbs of contracts: of bills, payments, deposits and customers. It imports nothing but what they are made of."""

from __future__ import annotations

from ledger.entrypoints.cli.nouns import Verb

CONTRACT = {
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
BILL = {
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
    "items": Verb("contract_desk:bill_items", "6288112345678-1-B0001"),
    "list": Verb("contract_desk:bills", "6288112345678"),
}
PAYMENT = {
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
    "assign": Verb(
        "AssignSuspense",
        "6288112345678 --reference p-1 --account 6288112345678#2 --approved-by staff-2",
        "Send money that lies in suspense to the account that it was meant for.",
    ),
    "return": Verb(
        "ReturnSuspense",
        "6288112345678 --reference p-1 --bank-cost 6500 --approved-by staff-2",
        "Say that money in suspense was paid back.",
    ),
    "list": Verb("contract_desk:payments", "6288112345678"),
    "suspense": Verb("contract_desk:suspense", "6288112345678"),
}
DEPOSIT = {
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
