"""Estimates from received reports: unbiased shares, trends and numbers of users, each with its uncertainty.

Runs at the receiver, not at the user. Of the daemon it imports only `core` and `errors`, and nothing outside the standard library.
"""
