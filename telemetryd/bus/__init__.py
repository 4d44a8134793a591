"""The D-Bus edge: the library, the connections, who calls, and what is answered."""
