"""The window as a program of the user's session: its name on the bus, notifications, its own file. Nothing here imports Qt."""
