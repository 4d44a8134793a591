"""Whether a question may be answered now: levels, locks and reviews, what the user changes, and the life of a question."""
