"""Humans who watch."""

from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.rest import GuestToken
from core.limits import GUEST_RULE, Rule

if TYPE_CHECKING:
    from api.app import Api


async def _guest(api: "Api", _call: Call) -> GuestToken:
    return api.services.observers.guest()


def _guests(_: "Api") -> Rule:
    return GUEST_RULE


ENDPOINTS: Final = (Endpoint("POST", "/observers/guest", _guest, "open", by_address=_guests),)
