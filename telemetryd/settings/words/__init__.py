"""What the window says, made from the values of Control1. Nothing here imports Qt."""
