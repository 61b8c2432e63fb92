"""Balances, their movements and what is under way, over both time axes."""
