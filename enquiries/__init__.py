"""Visitors' messages to the contacts of a case study, and what became of them."""
