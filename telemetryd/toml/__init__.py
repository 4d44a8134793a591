"""Texts that people write, read within bounds: manifests, configuration, reviews and stops, KUserFeedback's switch; pure."""
