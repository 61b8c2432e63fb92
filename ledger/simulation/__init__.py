"""A seeded simulator: the records of a made-up population, as an operator's feeds would have them.

It draws on the terms files for denominations, days and tariffs, and knows nothing of the ledger that takes its files:
top-ups come in time and late, numbers lapse, cards are lost, records come late, twice or broken; and of contracts
payments come late, debits fail, deposits are forgotten; and persons refuse offers, ask, withdraw, and are erased.
"""

from ledger.simulation.cast import LAPSING
from ledger.simulation.contract_holders import CONTRACTS_CAST, DEPOSITING, PAYING_LATE
from ledger.simulation.feed import end_of
from ledger.simulation.played_files import simulate, write
from ledger.simulation.population import CAST, commands
from ledger.simulation.registered_persons import PERSONS_CAST

__all__ = [
    "CAST",
    "CONTRACTS_CAST",
    "DEPOSITING",
    "LAPSING",
    "PAYING_LATE",
    "PERSONS_CAST",
    "commands",
    "end_of",
    "simulate",
    "write",
]
