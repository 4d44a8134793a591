"""What is wrong or doubtful with a manifest's text."""
