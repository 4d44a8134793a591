"""Messages on a connection: the library, the socket, bounds, order and back-pressure. It does not know who calls, or why."""
