"""Every projection, by name: a new one is a module and a line here.

They fold in this order.
"""

from __future__ import annotations

from projections.engine.partition_facts import PartitionFacts
from projections.engine.projection import ProjectionsByName
from projections.engine.snapshot import Tables
from projections.line.blocks import Blocks
from projections.line.disputes_told import Disputes
from projections.line.lifecycles import Lifecycles
from projections.line.lines_projected import Lines
from projections.line.numbers import Numbers
from projections.line.usage import Usage
from projections.money.balances import Balances
from projections.money.statements_told import Statements
from projections.money.transfers import Transfers
from projections.persons.preferences import Preferences
from projections.persons.privacy import Privacy
from projections.postpaid.bills import Bills
from projections.postpaid.contracts_told import Contracts
from projections.postpaid.customers import Customers
from projections.postpaid.deposits import Deposits
from projections.postpaid.payments import PaymentsMade

PROJECTIONS: ProjectionsByName = {
    kind.name: kind
    for kind in (
        *(PartitionFacts, Balances, Lifecycles, Usage, Numbers, Blocks, Disputes, Transfers),
        *(Contracts, Bills, PaymentsMade, Deposits, Customers, Statements),
        *(Preferences, Privacy),
    )
}


def tables() -> Tables:
    """Their tables, to ask questions of; and what the rules say of numbers."""
    return Tables(PROJECTIONS, Lines())
