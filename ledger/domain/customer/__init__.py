"""A customer: the accounts that are his, and which of them are in debt. Policies write it."""
