"""Measures the site at sizes it may grow to; `make bench` runs it, README.md says what is measured and how."""
