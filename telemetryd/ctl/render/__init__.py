"""The output of telemetryctl: pages, words and documents."""
