"""Pydantic models of the texts: they have the last word on a text in doubt, and explain it."""
