"""What the SDK asks about its webhook."""

from claw import Rest
from tests.support.bots import Crew
from tests.support.sleepers import eventually, sleeper
from tests.support.webhooks import Receiver


async def test_calls_are_listed_made_again_tried_and_signed_with_another_secret(crew: Crew, receiver: Receiver) -> None:
    asleep = await sleeper(crew, receiver)

    async def token(_refused: str | None) -> str:
        return asleep.bot.token

    async with Rest(crew.url, token_source=token) as rest:
        asked = await rest.test_webhook()
        assert asked.type == "webhook.test"
        calls = await eventually(
            rest.webhook_deliveries, lambda page: page.items[0].id == asked.id and page.items[0].state == "delivered"
        )
        assert calls.items[0].status == 204
        again = await rest.redeliver_webhook(asked.id)
        assert again.id == asked.id
        rotated = await rest.rotate_webhook_secret()
        assert rotated.webhook_secret.startswith("whsec_")
        assert rotated.webhook_secret != asleep.secret
        assert rotated.previous_until is not None
