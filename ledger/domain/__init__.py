"""Pure rules of the ledger: no input, no output, no clock, no chance.

Each kind of subject is a package. Those named here are known; whoever asks `kinds` finds them.
"""

import ledger.domain.line.kind
import ledger.domain.partition.kind  # noqa: F401 - to make them known
