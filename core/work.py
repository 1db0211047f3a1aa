"""What workers do of what is queued: the table of jobs."""

from collections.abc import Mapping
from typing import Final

from core.jobs import Handler, Job
from core.join_notices import TellFollowers, tell_followers

HANDLERS: Final[Mapping[type[Job], Handler]] = {
    TellFollowers: tell_followers,
}
