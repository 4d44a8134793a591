"""What answers reveal at most: noise, the privacy budget, random assignment, and the arithmetic of reviews."""
