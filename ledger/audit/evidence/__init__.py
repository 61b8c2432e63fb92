"""Evidence bundles: what a ledger says of a number, whole, so that an outsider can check it without the ledger."""
