"""Pure rules of the ledger: no input, no output, no clock, no chance.

Whoever asks for a command or an event by its name finds it, for the packages that bring them are all imported here.
"""

import ledger.domain.line.commands
import ledger.domain.line.events
import ledger.domain.partition.commands
import ledger.domain.partition.events
import ledger.domain.prepaid.commands
import ledger.domain.prepaid.events
import ledger.domain.prepaid.product  # noqa: F401 - to make its names known, like the others
