"""Sockets, DNS and the clock: the shell that drives the sans-IO core."""
