"""The rules as pure functions: no I/O, no clock, no random source, no logging. Time and random numbers are arguments."""
