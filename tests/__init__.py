"""The tests; `make test` runs them with every other check."""
