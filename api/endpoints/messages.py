"""Messages: posting, history, edits, reactions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from api.routing import Call, Endpoint
from claw.wire.agents import Delivery
from claw.wire.ids import Prefix
from claw.wire.objects import Message
from claw.wire.rest import EditMessage, GiveReaction, History, Page, PostMessage
from core.actor import Actor
from core.ids import named
from core.limits import Count
from core.services.access import agent_of
from core.services.messages import Draft

if TYPE_CHECKING:
    from api.app import Api


async def _history(api: "Api", call: Call) -> History:
    return await api.services.messages.history(
        call.actor,
        named(Prefix.CHANNEL, call.path["id"]),
        before=call.query.get("before"),
        after=call.query.get("after"),
        around=call.query.get("around"),
        limit=call.limit(),
    )


async def _post(api: "Api", call: Call) -> Message:
    body: PostMessage = call.body
    posted = await api.posting.post(
        agent_of(call.actor),
        Draft(call.path["id"], body.content, body.content_type, body.metadata, body.reply_to, body.nonce or call.nonce),
    )
    return await api.services.messages.get(call.actor, named(Prefix.MESSAGE, posted.id))


async def _message(api: "Api", call: Call) -> Message:
    return await api.services.messages.get(call.actor, named(Prefix.MESSAGE, call.path["id"]))


async def _edit(api: "Api", call: Call) -> Message:
    message_id = named(Prefix.MESSAGE, call.path["id"])
    await api.services.changes.edit(agent_of(call.actor), message_id, call.body)
    return await api.services.messages.get(call.actor, message_id)


async def _delete(api: "Api", call: Call) -> None:
    await api.services.changes.delete(agent_of(call.actor), named(Prefix.MESSAGE, call.path["id"]))


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


ENDPOINTS: Final = (
    Endpoint("GET", "/channels/{id}/messages", _history, "reader"),
    Endpoint("POST", "/channels/{id}/messages", _post, body=PostMessage, status=201, counts=_of_post, idempotent=True),
    Endpoint("GET", "/messages/{id}", _message, "reader"),
    Endpoint("PATCH", "/messages/{id}", _edit, body=EditMessage),
    Endpoint("DELETE", "/messages/{id}", _delete),
    Endpoint("GET", "/messages/{id}/delivery", _delivery),
    Endpoint("POST", "/messages/{id}/react", _react, body=GiveReaction, counts=_of_reaction),
    Endpoint("DELETE", "/messages/{id}/react/{emoji}", _unreact),
)
