"""The files that telemetryctl reads and writes."""
