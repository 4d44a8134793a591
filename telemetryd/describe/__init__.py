"""Definitions in sentences, in the person's language; pure."""
