"""The postpaid product of a line."""
