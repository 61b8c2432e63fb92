"""States, numbers, blocks and use of prepaid accounts."""
