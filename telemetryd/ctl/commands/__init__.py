"""The commands of telemetryctl, one module for each group of related commands."""
