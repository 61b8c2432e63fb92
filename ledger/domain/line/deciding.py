"""What a command does to a line, in the order of checks that is the language's: `tests/domain/test_order_of_checks.py`.

A decision reads the line as it stands at the command's time, and never half happens: all guards, each a refusal by
name, come before the first event. What every product's commands do is here; the rest is its product's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ledger.domain.commands import Command
from ledger.domain.ids import names_in, number_in
from ledger.domain.line.account import Account
from ledger.domain.line.blocking import block, block_for_debt, lift_debt_block, unblock
from ledger.domain.line.cards_and_rights import decide_rights_transfer, replace_card, request_rights_transfer
from ledger.domain.line.commands import (
    Block,
    BlockForDebt,
    DecideRightsTransfer,
    LiftDebtBlock,
    LineCommand,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.dispute_commands import (
    AttachEvidence,
    DecideDispute,
    OpenDispute,
    RaiseDispute,
    ReopenDispute,
)
from ledger.domain.line.disputing import (
    attach_evidence,
    decide_dispute,
    open_dispute,
    raise_dispute,
    reopen_dispute,
)
from ledger.domain.line.erasing import (
    answer,
    call_off,
    call_off_end,
    end_for_holder,
    must_not_be_erased,
    report,
)
from ledger.domain.line.erasure_commands import AskForErasure, CallOffEnd, CallOffErasure, EndForHolder
from ledger.domain.line.line import Line
from ledger.domain.line.migrating import migrate_terms
from ledger.domain.line.product import PRODUCTS, Product, product_of
from ledger.domain.line.recording_use import record_usage
from ledger.domain.line.terminating import terminate
from ledger.domain.refusals import NotEligible, UnknownAccount


def admit(line: Line, command: LineCommand) -> None:
    """What is asked before the clock, whatever the state: that there is what the command addresses.

    Raises UnknownAccount, and NotEligible where the account, or the terms named, are of another product.
    """
    kind, named = type(command), command.terms_named
    if command.NUMBER_ITSELF:
        if named is not None and kind not in _product_under(line, named).openings:
            raise NotEligible(f"not under terms that are {line.book[named].product}")
        return
    account = line.account
    if account is None:
        raise UnknownAccount(command.msisdn)
    if command.stream is None:
        if kind not in _SHARED:
            _must_have(account, kind)
    elif kind in DISPUTES:
        _must_be_had(line, command.stream)
    elif not command.INTERNAL:
        _must_have(addressed(line, command.stream), kind)
    if named is not None and _product_under(line, named).name != account.PRODUCT:
        raise NotEligible(f"not under terms that are {line.book[named].product}")


def _product_under(line: Line, terms_id: str) -> Product[Any]:
    """The product of terms. Raises NotEligible where they are of no account."""
    product = PRODUCTS.get(line.book[terms_id].product)
    if product is None:
        raise NotEligible(f"not under terms that are {line.book[terms_id].product}")
    return product


def _must_have(account: Account, kind: type[Command]) -> None:
    """Raises NotEligible where the account's product has no such command."""
    if kind not in _SHARED and kind not in PRODUCTS[account.PRODUCT].rules:
        raise NotEligible(f"the account is {account.PRODUCT}")


def addressed(line: Line, stream: str) -> Account:
    """The account that a command names: the current one, or a former one whose time goes on.

    Raises UnknownAccount where the number never had it, NotEligible where it is of a product that does not live on.
    """
    found = line.at_hand(stream)
    if found is not None:
        return found
    _must_be_had(line, stream)
    raise NotEligible(f"{stream} has ended for good")


def _must_be_had(line: Line, stream: str) -> None:
    """Raises UnknownAccount where a number has not had an account."""
    generation = names_in(stream)[1:]
    if number_in(stream) != line.msisdn or not generation or int(generation[0]) > line.current.generation:
        raise UnknownAccount(stream)


def decide(line: Line, command: LineCommand) -> None:
    """Does what the command asks on a line that is advanced to `line.cause.at`, and admits it.

    Raises a Refusal; a refused use has emitted its `UsageRefused` by then, nothing else has emitted anything.
    """
    if isinstance(command, RecordUsage):  # of which a refusal is an event too
        account = line.current
        record_usage(line, account, PRODUCTS[account.PRODUCT], command)
        return
    _decide(line, command)
    if not command.OWN_IS_DUE:  # what time has changed is told of by its own events
        report(line)


def _decide(line: Line, command: LineCommand) -> None:
    if command.NUMBER_ITSELF:
        if command.terms_named is not None:
            product_of(line.book[command.terms_named]).openings[type(command)](line, command)
            return
        for product in PRODUCTS.values():
            of_number = product.of_numbers.get(type(command))
            if of_number is not None:
                of_number(line, command)
        return
    named = command.stream
    account = line.current if named is None else line.named(named)
    dispute = DISPUTES.get(type(command))
    if dispute is not None:
        must_not_be_erased(line, account)
    in_any_state = dispute or OF_CUSTOMERS.get(type(command))
    if in_any_state is not None:
        in_any_state(line, account, command)
        return
    product = PRODUCTS[account.PRODUCT]
    product.must_take(account, command)
    rule = product.rules.get(type(command)) or RULES[type(command)]
    rule(line, account, command)


RULES: Mapping[type[Command], Callable[[Line, Account, Any], None]] = {
    Block: block,
    Unblock: unblock,
    ReplaceCard: replace_card,
    RequestRightsTransfer: request_rights_transfer,
    DecideRightsTransfer: decide_rights_transfer,
    MigrateTerms: migrate_terms,
    Terminate: terminate,
}
"""What the commands do that every product has. (`AdvanceTime` does nothing more: the line is advanced before.)"""

OF_CUSTOMERS: Mapping[type[Command], Callable[[Line, Account, Any], None]] = {
    BlockForDebt: block_for_debt,
    LiftDebtBlock: lift_debt_block,
    AskForErasure: answer,
    CallOffErasure: call_off,
    EndForHolder: end_for_holder,
    CallOffEnd: call_off_end,
}
"""What comes from a customer, whatever state the account is in."""

DISPUTES: Mapping[type[Command], Callable[[Line, Account, Any], None]] = {
    OpenDispute: open_dispute,
    RaiseDispute: raise_dispute,
    AttachEvidence: attach_evidence,
    DecideDispute: decide_dispute,
    ReopenDispute: reopen_dispute,
}
"""What is held against the system's record, whatever state the account is in."""

_SHARED = frozenset({RecordUsage, *RULES, *DISPUTES})
