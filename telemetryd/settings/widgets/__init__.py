"""Texts, buttons, choices, rows and cards that wrap, can be read in every palette, and never show markup."""
