"""telemetryd-settings: the window in which a user sees and decides. It talks to the daemon over Control1 only. Policy: C2, T1."""
