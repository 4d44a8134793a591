"""What `telemetryctl check` looks at, one module for each subject. Nothing here calls the service or writes a file."""
