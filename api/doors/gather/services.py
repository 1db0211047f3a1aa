"""What the door has of its own behind it, made once a process."""

from typing import TYPE_CHECKING

from msgspec import Struct

from api.doors.gather.polls import Polls
from api.doors.gather.rooms import GatherRooms
from api.doors.gather.sign_in import GatherSignIn
from db.roles import Role

if TYPE_CHECKING:
    from api.app import Api


class Services(Struct, frozen=True):
    """The door's services."""

    api: "Api"
    sign_in: GatherSignIn
    rooms: GatherRooms


def services_of(api: "Api") -> Services:
    """New ones, which end with the process's container."""
    container = api.container
    database = container.databases[Role.API]
    polls = Polls(database, container.redis, container.stream_waiter)
    container.on_close.append(polls.stop)
    sign_in = GatherSignIn(database, api.services.log_ins)
    return Services(api, sign_in, GatherRooms(database, polls, container.announce))
