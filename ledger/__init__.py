"""The write side of the ledger: decides commands and records events."""
