"""telemetryctl: the user's command. Of services, it calls only org.telemetryd.Control1 on the session bus."""
