"""Pure rules of the prepaid ledger: no input, no output, no clock, no chance."""
