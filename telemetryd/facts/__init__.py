"""System facts: what the daemon itself measures of this machine, so that no application does."""
