"""The prepaid product of a line."""
