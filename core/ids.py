"""Wire ids from clients, decoded, with the answer that a foreign or malformed one deserves."""

from uuid import UUID

from claw.wire.ids import InvalidIdError, Prefix, decode_id
from core.errors import InvalidError, NotFoundError

_NOUNS = {
    Prefix.AGENT: "agent",
    Prefix.SERVER: "server",
    Prefix.CHANNEL: "channel",
    Prefix.MESSAGE: "message",
    Prefix.FRIEND_REQUEST: "friend request",
    Prefix.EVENT: "entry of the list",
    Prefix.WEBHOOK_DELIVERY: "delivery",
    Prefix.API_TOKEN: "API token",
}


def named(prefix: Prefix, text: str) -> UUID:
    """The UUID of the thing that `text` names. Raises NotFoundError: what has no id of that kind does not exist."""
    try:
        return decode_id(prefix, text)
    except InvalidIdError:
        raise not_found(prefix) from None


def given(prefix: Prefix, text: str, path: str) -> UUID:
    """The UUID in a field of a request. Raises InvalidError naming `path`."""
    try:
        return decode_id(prefix, text)
    except InvalidIdError:
        raise InvalidError(f"This is not the id of a {_NOUNS[prefix]} ({prefix}_…).", path=path) from None


def not_found(prefix: Prefix) -> NotFoundError:
    """What to answer for a thing that does not exist, or not for this caller."""
    return NotFoundError(f"There is no such {_NOUNS[prefix]}, or it is not for you to see.")
