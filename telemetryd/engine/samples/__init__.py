"""What becomes of samples: routes, tallies, reports and their erasure."""
