"""The questions, and what answers them."""
