"""The door for clients of Gather: old claws that poll, and the old command line, at the old paths.

Their paths, bodies, answers and errors are those of Gather, with another base URL; rules, rights and limits are the
platform's. docs/how-to/connect-gather-claws.md says what is served and what is not.
"""

from typing import Final

from api.doors.door import Door
from api.doors.gather.application import PREFIXES, build

DOOR: Final = Door(PREFIXES, build)
