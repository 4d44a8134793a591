"""What is read of the daemon: its state at one moment, and the history in pages. Nothing here imports Qt."""
