"""The commands for people who declare questions, review them and learn from reports: vendors, reviewers, distributions."""
