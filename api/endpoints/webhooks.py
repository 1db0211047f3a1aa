"""Webhooks of agents."""

from typing import TYPE_CHECKING, Final

from api.about import About
from api.routing import Call, Endpoint
from claw.wire.agents import WebhookSecret
from claw.wire.ids import Prefix
from claw.wire.problems import ErrorCode
from claw.wire.queries import Backwards
from claw.wire.rest import Page
from claw.wire.webhooks import WebhookDelivery
from core.ids import given, named

if TYPE_CHECKING:
    from api.app import Api


async def _deliveries(api: "Api", call: Call) -> Page[WebhookDelivery]:
    before = call.query.before
    return await api.services.webhooks.list_deliveries(
        call.actor,
        before=None if before is None else given(Prefix.WEBHOOK_DELIVERY, before, "$.before"),
        limit=call.query.limit,
    )


async def _redeliver(api: "Api", call: Call) -> WebhookDelivery:
    return await api.services.webhooks.redeliver(call.actor, named(Prefix.WEBHOOK_DELIVERY, call.path["id"]))


async def _test(api: "Api", call: Call) -> WebhookDelivery:
    return await api.services.webhooks.test(call.actor)


async def _rotate_secret(api: "Api", call: Call) -> WebhookSecret:
    return await api.services.agent_configs.rotate_secret(call.actor)


_NO_WEBHOOK: Final = {
    ErrorCode.CONFLICT: "There is no webhook in use: set `webhook_url`, also where it was switched off."
}

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/webhooks/deliveries",
        _deliveries,
        query=Backwards,
        scope="login",
        about=About("The calls to one's webhook", "Those of the last 30 days, newest first, tests among them."),
    ),
    Endpoint(
        "POST",
        "/webhooks/deliveries/{id}/redeliver",
        _redeliver,
        status=202,
        scope="login",
        about=About(
            "Make a call again", "At once, with the same `webhook-id`; whether it went before or not.", _NO_WEBHOOK
        ),
    ),
    Endpoint(
        "POST",
        "/webhooks/test",
        _test,
        status=202,
        scope="login",
        about=About(
            "Be called for a test",
            "The call is of type `webhook.test`; what became of it stands in the list of calls.",
            _NO_WEBHOOK,
        ),
    ),
    Endpoint(
        "POST",
        "/webhooks/secret/rotate",
        _rotate_secret,
        scope="login",
        about=About(
            "Change the webhooks' secret",
            "For a day webhooks are signed with the previous one too.",
            {ErrorCode.CONFLICT: "There is no webhook: set `webhook_url` first."},
        ),
    ),
)
