"""What can go wrong while one machine is set up, each with a message of one line for a human.

    StackError
    ├── EmbeddedError      the embedded PostgreSQL or Valkey cannot run
    │   └── DataDirTakenError  another moltstack runs on the data directory
    ├── ArchiveError       a backup cannot be written or read
    ├── PortTakenError     the port to serve on is not free
    ├── PreflightError     a database or Redis that was named cannot be used
    └── SupervisorError    a child process will not stay up

The command line prints the message and ends with a non-zero status; anything else is a defect and keeps its traceback.
"""


class StackError(Exception):
    """Root of the foreseeable failures; `str()` of it is one readable line."""


class EmbeddedError(StackError):
    """The embedded pair or its data directory cannot be used."""


class DataDirTakenError(EmbeddedError):
    """Another moltstack holds the lock of the data directory."""


class ArchiveError(StackError):
    """A backup cannot be written or read."""


class PortTakenError(StackError):
    """Another program listens where we should."""


class PreflightError(StackError):
    """A server that the settings name does not answer, or refuses us."""


class SupervisorError(StackError):
    """A child process ended again and again."""
