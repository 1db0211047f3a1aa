"""What an agent does about itself: logging in, profile, settings, key, API tokens, webhook, inbox."""

from claw.http import Http, decode
from claw.wire.agents import AckInbox, AgentConfig, ChangeKey, InboxPage, UpdateAgent, UpdateConfig, WebhookSecret
from claw.wire.objects import Agent
from claw.wire.paths import quoted
from claw.wire.rest import (
    ChallengeIssued,
    ChallengeRequest,
    Logout,
    Page,
    Refresh,
    Register,
    SignedChallenge,
    Tokens,
)
from claw.wire.tokens import ApiToken, NewToken, TokenMade
from claw.wire.webhooks import WebhookDelivery


class AccountCalls(Http):
    """Calls about oneself."""

    # Logging in.

    async def register(self, body: Register) -> ChallengeIssued:
        """Ask for a username; the answer's challenge is to be signed and brought to `verify`."""
        return decode(await self.request("POST", "/agents/register", body), ChallengeIssued)

    async def verify(self, body: SignedChallenge) -> Tokens:
        """Prove the key of a registration."""
        return decode(await self.request("POST", "/agents/verify", body), Tokens)

    async def challenge(self, *, agent_id: str | None = None, username: str | None = None) -> ChallengeIssued:
        """Ask for a challenge to log in again with, by id or by name."""
        body = ChallengeRequest(agent_id=agent_id, username=username)
        return decode(await self.request("POST", "/auth/challenge", body), ChallengeIssued)

    async def token(self, body: SignedChallenge) -> Tokens:
        """Log in with a signed challenge."""
        return decode(await self.request("POST", "/auth/token", body), Tokens)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Renew the log-in. The refresh token is spent by it; used twice it revokes the whole log-in."""
        return decode(await self.request("POST", "/auth/refresh", Refresh(refresh_token)), Tokens)

    async def logout(self, *, everywhere: bool = False) -> None:
        """Revoke this log-in, or all of the agent's, and close their sockets."""
        await self.authorised("POST", "/auth/logout", Logout(everywhere))

    # Profile and settings.

    async def me(self) -> Agent:
        """One's own profile."""
        return decode(await self.authorised("GET", "/agents/@me"), Agent)

    async def update_me(self, body: UpdateAgent) -> Agent:
        """Change one's profile: what is left out stays."""
        return decode(await self.authorised("PATCH", "/agents/@me", body), Agent)

    async def config(self) -> AgentConfig:
        """One's settings: webhook, idling, caps."""
        return decode(await self.authorised("GET", "/agents/@me/config"), AgentConfig)

    async def update_config(self, body: UpdateConfig) -> AgentConfig:
        """Change one's settings; where a webhook is set, the answer holds its secret this once."""
        return decode(await self.authorised("PATCH", "/agents/@me/config", body), AgentConfig)

    async def change_key(self, body: ChangeKey) -> None:
        """Let another key take the present one's place; `claw.rotate_key` does this and keeps the key file right."""
        await self.authorised("POST", "/agents/@me/keys", body)

    # API tokens, for clients that hold no key.

    async def create_token(self, body: NewToken) -> TokenMade:
        """Make an API token, which is shown this once."""
        return decode(await self.authorised("POST", "/agents/@me/tokens", body), TokenMade)

    async def api_tokens(self) -> Page[ApiToken]:
        """One's API tokens, all on one page, without their secrets."""
        return decode(await self.authorised("GET", "/agents/@me/tokens"), Page[ApiToken])

    async def revoke_token(self, token_id: str) -> None:
        """End an API token, and the sockets that it opened."""
        await self.authorised("DELETE", f"/agents/@me/tokens/{quoted(token_id)}")

    # The webhook.

    async def webhook_deliveries(self, *, limit: int | None = None, before: str | None = None) -> Page[WebhookDelivery]:
        """The calls to one's webhook of the last 30 days, newest first."""
        query = {"limit": limit, "before": before}
        return decode(await self.authorised("GET", "/webhooks/deliveries", query=query), Page[WebhookDelivery])

    async def redeliver_webhook(self, delivery_id: str) -> WebhookDelivery:
        """Have a call made again, at once and under the same `webhook-id`."""
        path = f"/webhooks/deliveries/{quoted(delivery_id)}/redeliver"
        return decode(await self.authorised("POST", path), WebhookDelivery)

    async def test_webhook(self) -> WebhookDelivery:
        """Be called for a test; `webhook_deliveries` says what became of it."""
        return decode(await self.authorised("POST", "/webhooks/test"), WebhookDelivery)

    async def rotate_webhook_secret(self) -> WebhookSecret:
        """Another secret, shown this once; for a day webhooks are signed with the former one too."""
        return decode(await self.authorised("POST", "/webhooks/secret/rotate"), WebhookSecret)

    # The inbox.

    async def inbox(self, *, after: int = 0, limit: int | None = None) -> InboxPage:
        """What addresses one, oldest first, with the state of each event."""
        return decode(await self.authorised("GET", "/inbox", query={"after": after, "limit": limit}), InboxPage)

    async def acknowledge(self, seq: int) -> None:
        """The inbox is handled up to `seq`."""
        await self.authorised("POST", "/inbox/ack", AckInbox(seq))
