"""A customer: his accounts, their debts, and the person behind them; and breaches of personal data.

What accounts tell it comes by policies; what a person asks for, by commands of its own.
"""
