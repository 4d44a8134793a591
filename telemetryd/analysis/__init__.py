"""What a vendor learns from received reports: unbiased shares, trends and numbers of users, each with its uncertainty.

Runs at the receiver, not at the user: it imports no part of the daemon but `core` and `errors`, and nothing outside the standard library.
"""
