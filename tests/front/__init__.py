"""The front from outside: a real server, real clients, a real nginx before it."""
