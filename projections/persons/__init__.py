"""Persons: what the holders of numbers agree to, and what is asked, held and due of them."""
