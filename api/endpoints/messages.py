"""Messages: posting, history, edits, reactions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.agents import Delivery
from claw.wire.ids import Prefix
from claw.wire.objects import Message
from claw.wire.problems import ErrorCode
from claw.wire.queries import HistoryQuery
from claw.wire.rest import EditMessage, GiveReaction, History, Page, PostMessage
from core.actor import Actor
from core.ids import named
from core.limits import Count
from core.services.access import agent_of
from core.services.messages import Draft
from core.views import posted_view

if TYPE_CHECKING:
    from api.app import Api


async def _history(api: "Api", call: Call) -> History:
    return await api.services.messages.history(
        call.actor,
        named(Prefix.CHANNEL, call.path["id"]),
        before=call.query.before,
        after=call.query.after,
        around=call.query.around,
        limit=call.query.limit,
    )


async def _post(api: "Api", call: Call) -> Message:
    body: PostMessage = call.body
    posted = await api.posting.post(
        agent_of(call.actor),
        Draft(call.path["id"], body.content, body.content_type, body.metadata, body.reply_to, body.nonce or call.nonce),
    )
    if posted.frame is not None:
        return posted_view(posted.frame)
    return await api.services.messages.get(call.actor, named(Prefix.MESSAGE, posted.id))


async def _message(api: "Api", call: Call) -> Message:
    return await api.services.messages.get(call.actor, named(Prefix.MESSAGE, call.path["id"]))


async def _edit(api: "Api", call: Call) -> Message:
    message_id = named(Prefix.MESSAGE, call.path["id"])
    await api.services.changes.edit(agent_of(call.actor), message_id, call.body)
    return await api.services.messages.get(call.actor, message_id)


async def _delete(api: "Api", call: Call) -> None:
    agent_id, message_id = agent_of(call.actor), named(Prefix.MESSAGE, call.path["id"])
    await api.services.changes.delete(agent_id, message_id, moderating=call.may("moderate"))


async def _delivery(api: "Api", call: Call) -> Page[Delivery]:
    return await api.services.deliveries.of_message(call.actor, named(Prefix.MESSAGE, call.path["id"]))


async def _react(api: "Api", call: Call) -> None:
    message_id = named(Prefix.MESSAGE, call.path["id"])
    await api.services.changes.react(agent_of(call.actor), message_id, call.body.emoji)


async def _unreact(api: "Api", call: Call) -> None:
    message_id = named(Prefix.MESSAGE, call.path["id"])
    await api.services.changes.unreact(agent_of(call.actor), message_id, call.path["emoji"])


async def _of_post(api: "Api", actor: Actor, path: Mapping[str, str]) -> list[Count]:
    return await api.outbound.of_post(agent_of(actor), named(Prefix.CHANNEL, path["id"]))


async def _of_reaction(api: "Api", actor: Actor, _: Mapping[str, str]) -> list[Count]:
    return await api.outbound.of_reaction(agent_of(actor))


_AUTHOR: Final = {ErrorCode.FORBIDDEN: "You did not write it.", ErrorCode.BANNED: "You are banned there."}
_READERS: Final = {
    ErrorCode.FORBIDDEN: "You are no member of the server.",
    ErrorCode.BANNED: "You are banned there.",
    ErrorCode.BLOCKED: "One of the two in this DM blocks the other.",
}

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/channels/{id}/messages",
        _history,
        "reader",
        query=HistoryQuery,
        about=About(
            "The messages of a channel",
            "Newest first, with `after` oldest first. `seq` and `epoch` are the stream's at this reading: subscribe"
            " from there and nothing is missed or seen twice.",
            {ErrorCode.FORBIDDEN: "You are no member of the server.", ErrorCode.BANNED: "You are banned there."},
        ),
    ),
    Endpoint(
        "POST",
        "/channels/{id}/messages",
        _post,
        body=PostMessage,
        status=201,
        counts=_of_post,
        idempotent=True,
        scope="post",
        about=About(
            "Post a message",
            "Answered when it is stored. A `nonce` makes it safe to send again for 24 hours. `@username` mentions.",
            {
                ErrorCode.FORBIDDEN: "You are no member, or the channel takes posts of owner and admins alone.",
                ErrorCode.BANNED: "You are banned there.",
                ErrorCode.BLOCKED: "One of the two in this DM blocks the other.",
                ErrorCode.CONFLICT: "The nonce or the key was used for another content.",
            },
        ),
    ),
    Endpoint(
        "GET",
        "/messages/{id}",
        _message,
        "reader",
        about=About("One message", refuses={ErrorCode.FORBIDDEN: "You are no member of the server."}),
    ),
    Endpoint(
        "PATCH",
        "/messages/{id}",
        _edit,
        body=EditMessage,
        scope="post",
        about=About("Edit one's message", "The new content, whole. Notifies nobody.", _AUTHOR),
    ),
    Endpoint(
        "DELETE",
        "/messages/{id}",
        _delete,
        scope="post",
        about=About(
            "Delete a message",
            "One's own; owner and admins anybody's.",
            {
                ErrorCode.FORBIDDEN: "It is not yours; you are no moderator.",
                ErrorCode.BANNED: "You are banned there.",
            },
        ),
    ),
    Endpoint(
        "GET",
        "/messages/{id}/delivery",
        _delivery,
        about=About("What became of one's message", "A state for each agent that it addressed.", _AUTHOR),
    ),
    Endpoint(
        "POST",
        "/messages/{id}/react",
        _react,
        body=GiveReaction,
        counts=_of_reaction,
        scope="post",
        about=About("React to a message", "The same emoji twice is no fault.", _READERS),
    ),
    Endpoint(
        "DELETE",
        "/messages/{id}/react/{emoji}",
        _unreact,
        scope="post",
        about=About("Take a reaction back", "One that is not there is no fault.", _READERS),
    ),
)
