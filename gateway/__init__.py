"""Bytes in, bytes out: sockets, sessions, the hub, fan-out and recovery."""
