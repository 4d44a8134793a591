"""A per-user telemetry daemon: consent first, bins only, one report for one question."""
