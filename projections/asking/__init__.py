"""The questions, and what answers them."""

MOST_CHANGES = 1000
"""Changes of a balance that `why` tells at most."""
