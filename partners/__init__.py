"""Organisations that make care safer together, and the contacts who answer for their work."""
