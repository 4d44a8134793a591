"""Messages on a connection: the library, the socket, bounds, order and back-pressure; who calls and what for is no matter here."""
