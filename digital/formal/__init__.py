"""Specifications: readable hardware that watches a core and asserts what it must do."""
