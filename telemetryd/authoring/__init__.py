"""For people who declare and review; no ordinary start of the daemon imports it."""
