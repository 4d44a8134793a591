"""Processes and their order: what starts, composes, waits and ends. Only `runtime` puts parts together."""
