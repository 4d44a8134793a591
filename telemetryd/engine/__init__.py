"""The running flow: a sample's way to a report, the user's decisions, what is shown of it; it knows the outside by its ports only."""
