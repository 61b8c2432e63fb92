"""Pure rules of the ledger: no input, no output, no clock, no chance.

Each product of a line is a package, and each kind of subject is one. Those named here are known; whoever asks `kinds`
finds them. The products come first: the kind of lines gathers what they bring.
"""

import ledger.domain.postpaid.product
import ledger.domain.prepaid.product

# isort: split
import ledger.domain.customer.kind
import ledger.domain.line.kind
import ledger.domain.partition.kind
import ledger.domain.statement.kind  # noqa: F401 - to make them known
