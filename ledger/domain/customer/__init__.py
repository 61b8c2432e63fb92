"""A customer: the accounts that are his, and which of them are in debt.

What accounts tell it comes by policies; what a person asks for, by commands of its own.
"""
