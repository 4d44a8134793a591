"""The running flow: samples become reports, users decide, and both are shown. It reaches the outside only through its ports."""
