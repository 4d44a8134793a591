"""From a value to a report: bins, tallies, periods, and the bytes that are sent."""
