"""Findings about the text of a manifest: errors and warnings."""
