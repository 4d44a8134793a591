"""telemetryctl: the user's command. It speaks to org.telemetryd.Control1 on the session bus and to nothing else."""
