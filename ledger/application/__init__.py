"""The write side's one way in: commands become events and outcomes, a batch a transaction."""
