"""Enquiries of prepaid accounts."""
