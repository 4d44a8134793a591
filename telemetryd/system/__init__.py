"""This machine as it is: where files lie, what they say, what it measures of itself, which files of our own are running."""
