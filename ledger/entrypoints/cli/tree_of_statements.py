"""The verbs of `pulsa statement`: what does each, an example, and words where no function's docstring says so."""

_ONE = "statement/9f86d081884c7d659a2feaa0c55ad015"
_FILE = "--unit IDR --file f-1 --size 1 --place 0 --content c-1"

_ACCOUNT = "6288112345678#1 --refers-to top-1"

OF_STATEMENTS = {
    "receive": ("statement_desk:receive", "bill.json"),
    "list": ("statement_desk:listed", "--json"),
    "show": ("statement_desk:show", "statement/9f86d081884c7d659a2feaa0c55ad015"),
    "compare": (
        "runs_desk:compare",
        "statement/9f86d081884c7d659a2feaa0c55ad015 --before 2023-08-01",
    ),
    "begin": (
        "BeginStatement",
        f"{_ONE} --kind bill --format f --reader r --reader-version 1 {_FILE}",
        "Say what a statement is, where a program sends it line by line.",
    ),
    "add-lines": (
        "AddStatementLines",
        f"{_ONE} --lines [] --findings []",
        "Add lines to a statement that was begun, as JSON.",
    ),
    "end": (
        "EndStatement",
        f"{_ONE} --count 0 --total 0 --findings 0",
        "End a statement that was begun: only then it is reconciled.",
    ),
    "accept": (
        "AcceptMatch",
        f"{_ONE} --match m-1 --items L1,E6288112345678#1/7 --reason same-order",
        "Say that lines and system records belong together.",
    ),
    "undo": (
        "UndoMatch",
        f"{_ONE} --match m-1 --reason mistake",
        "Take back that lines and system records belong together.",
    ),
    "resolve": (
        "ResolveItem",
        f"{_ONE} --item L1 --reason bank-charge",
        "Say why a difference needs nothing more.",
    ),
    "dispute": (
        "DisputeItem",
        f"{_ONE} --item L1 --about top-up --claimed 5000 --unit IDR --reason wrong --account {_ACCOUNT}",
        "Open a dispute about a difference; `pulsa reconcile --open` does.",
    ),
    "record": (
        "RecordRun",
        f"{_ONE} --known-at 2023-08-01T00:00:00+07:00 --rules r-1 --result d-1 --sums [] --open 0",
        "Record what reconciling came to; `pulsa reconcile --record` does.",
    ),
    "sign-off": (
        "SignOff",
        f"{_ONE} --result d-1",
        "Say that the statement is settled, by the result of its last run.",
    ),
}
"""By verb."""
