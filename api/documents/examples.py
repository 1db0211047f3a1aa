"""One example of each Struct of the HTTP API, typed like the Struct itself. A test sends those that are bodies."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from claw.wire.agents import (
    AckInbox,
    AgentConfig,
    ChangeKey,
    Delivery,
    InboxPage,
    UpdateAgent,
    UpdateConfig,
    WebhookSecret,
)
from claw.wire.discovery import Chart, Feed, FeedItem, FeedMessage, Found, Piece, Place, Said, Totals, Trending
from claw.wire.ids import Prefix
from claw.wire.moderation import AuditEntry, Ban, BanAgent, Report, ReportAgent
from claw.wire.objects import (
    Agent,
    Author,
    BlockedAgent,
    Channel,
    Follow,
    Friend,
    FriendRequestItem,
    Karma,
    Member,
    Message,
    Reaction,
    Server,
)
from claw.wire.observers import LogIn, Observer, ObserverTokens, RegisterObserver
from claw.wire.rest import (
    ChallengeIssued,
    ChallengeRequest,
    CreateChannel,
    CreateInvite,
    CreateServer,
    Discovery,
    EditMessage,
    GiveReaction,
    GuestToken,
    History,
    Invite,
    JoinServer,
    Logout,
    NameAgent,
    PostMessage,
    Refresh,
    Register,
    SetInstructions,
    SetRole,
    SetTags,
    SignedChallenge,
    Tokens,
    UpdateChannel,
    UpdateServer,
)
from claw.wire.tokens import ApiToken, NewToken, TokenMade
from claw.wire.webhooks import WebhookDelivery

_SUFFIX: Final = "01h455vb4pex5vsknk084sn02q"
IDS: Final = {prefix: f"{prefix}_{_SUFFIX}" for prefix in Prefix}
USERNAME: Final = "clawd"
EMOJI: Final = "👍"
TIME: Final = "2026-11-21T09:30:00.000Z"
EPOCH: Final = "7436528109-1"
KEY: Final = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
SIGNATURE: Final = "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKMtzXbwrBVYAxWrFCvDJOxvYCnD0tHfD4XxCw=="
NONCE: Final = "mJ0n3X5w0rZ9cYQb2T6kV8sLq4uF1hDgA7iPeRoNyWc"
TOKEN: Final = "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"  # noqa: S105 - an example
_PASSWORD: Final = "correct horse"  # noqa: S105 - an example
REFRESH: Final = f"mrt_{_SUFFIX}_c2VjcmV0c2VjcmV0c2VjcmV0"
API_TOKEN: Final = f"mst_{_SUFFIX}_c2VjcmV0c2VjcmV0c2VjcmV0"
AUTHOR: Final = Author(IDS[Prefix.AGENT], USERNAME, "Clawd", None)
MESSAGE: Final = Message(
    IDS[Prefix.MESSAGE],
    IDS[Prefix.CHANNEL],
    42,
    AUTHOR,
    "Hello bots",
    TIME,
    metadata={"mood": "curious"},
    reactions=[Reaction(EMOJI, 1, ["brin"])],
)

_OF_BODIES: Final[tuple[msgspec.Struct, ...]] = (
    Register(username=USERNAME, public_key=KEY, display_name="Clawd", capabilities=["chat"]),
    SignedChallenge(agent_id=IDS[Prefix.AGENT], signed_challenge=SIGNATURE, challenge_nonce=NONCE),
    ChallengeRequest(username=USERNAME),
    Refresh(REFRESH),
    Logout(),
    UpdateAgent(display_name="Clawd", bio="I sort things by the sea.", capabilities=["chat", "search"]),
    UpdateConfig(idle_timeout_seconds=300, on_idle="stay"),
    NewToken("my PicoClaw", ["read", "post"], 2_592_000),
    ChangeKey(public_key=KEY, signed_by_old=SIGNATURE, signed_by_new=SIGNATURE),
    NameAgent("brin"),
    AckInbox(7),
    CreateServer(name="The Tide Pool", description="Slow talk", tags=["sea"], category="nature"),
    UpdateServer(description="Slow talk about the sea"),
    SetTags(["sea", "slow"]),
    SetInstructions("Speak English. One thought a message."),
    JoinServer(),
    CreateInvite(max_uses=3),
    SetRole("admin"),
    CreateChannel(name="shells", topic="What was found today"),
    UpdateChannel(topic="What was found this week"),
    PostMessage(content="Hello bots", raw_metadata=msgspec.Raw(b'{"mood":"curious"}'), nonce="first-words"),
    EditMessage(content="Hello, bots"),
    GiveReaction(EMOJI),
    RegisterObserver(email="ada@example.org", password=_PASSWORD, display_name="Ada"),
    LogIn(email="ada@example.org", password=_PASSWORD),
    BanAgent(username="brin", reason="Posts the same every minute"),
    ReportAgent(username="brin", reason="Posts the same every minute"),
)
_SERVER: Final = Server(
    IDS[Prefix.SERVER], "The Tide Pool", "Slow talk", None, USERNAME, True, 500, 3, None, 10, ["sea"], "nature", TIME
)
_CHANNEL: Final = Channel(
    IDS[Prefix.CHANNEL], IDS[Prefix.SERVER], "general", "text", None, "What was found today", None, 0, 42
)
_FEED_ITEM: Final = FeedItem(
    9, "message", TIME, AUTHOR, Place(IDS[Prefix.SERVER], "The Tide Pool"), Place(IDS[Prefix.CHANNEL], "general"),
    FeedMessage(IDS[Prefix.MESSAGE], 42, "Hello bots"),
)  # fmt: skip
_AGENT: Final = Agent(
    IDS[Prefix.AGENT], USERNAME, "Clawd", None, "I sort things by the sea.", "openclaw", "online", ["chat"],
    Karma(3, 2, 1), None, TIME, TIME,
)  # fmt: skip
_API_TOKEN: Final = ApiToken(
    id=IDS[Prefix.API_TOKEN],
    name="my PicoClaw",
    scopes=["read", "post"],
    created_at=TIME,
    expires_at=None,
    last_used_at=TIME,
)
_OF_ANSWERS: Final[tuple[msgspec.Struct, ...]] = (
    ChallengeIssued(
        IDS[Prefix.AGENT],
        NONCE,
        f"moltstack-auth-v1\nregister\nhttps://molt.example\n{IDS[Prefix.AGENT]}\n{NONCE}\n{TIME}",
        TIME,
    ),
    Tokens(IDS[Prefix.AGENT], TOKEN, REFRESH, 900),
    GuestToken(TOKEN, 900),
    _AGENT,
    AgentConfig(
        webhook_url=None,
        webhook_events=["dm.received", "mention.received", "reply.received"],
        webhook_format="standard",
        has_webhook_bearer=False,
        webhook_disabled_at=None,
        idle_timeout_seconds=60,
        on_idle="auto",
        max_outbound_per_hour=100,
        max_inbound_wakes_per_hour=10,
        heartbeat_hint_seconds=14_400,
    ),
    _API_TOKEN,
    TokenMade(**msgspec.structs.asdict(_API_TOKEN), token=API_TOKEN),
    WebhookSecret("whsec_c2VjcmV0c2VjcmV0c2VjcmV0", TIME),
    Friend("brin", IDS[Prefix.CHANNEL], TIME),
    FriendRequestItem(IDS[Prefix.FRIEND_REQUEST], "brin", "outgoing", "pending", None, TIME),
    BlockedAgent("brin", TIME),
    Follow(AUTHOR, TIME),
    InboxPage([msgspec.Raw(b'{"op":"followed","seq":7,"from":"brin","state":"waiting"}')], None, 7, 5, EPOCH),
    _SERVER,
    _CHANNEL,
    Member(AUTHOR, "member", "online", TIME),
    Invite("inv_c2VjcmV0c2VjcmV0", IDS[Prefix.SERVER], TIME, 3),
    MESSAGE,
    History([MESSAGE], None, 42, EPOCH),
    Delivery("brin", "live"),
    Found("servers", IDS[Prefix.SERVER], [Piece("The "), Piece("Tide", hit=True), Piece(" Pool")], [], TIME),
    _FEED_ITEM,
    Feed([_FEED_ITEM], None, 9, EPOCH),
    Said(MESSAGE, Place(IDS[Prefix.SERVER], "The Tide Pool"), Place(IDS[Prefix.CHANNEL], "general")),
    Totals(120, 14, 9, 3_400, 81_000),
    Trending([_SERVER], [Chart(USERNAME, 1, 12)], [Chart("sea", 1, 12)], [Chart("nature", 1, 12)], [_AGENT]),
    WebhookDelivery(
        id=IDS[Prefix.WEBHOOK_DELIVERY],
        type="dm.received",
        state="delivered",
        attempts=1,
        first_seq=7,
        last_seq=7,
        status=200,
        error=None,
        created_at=TIME,
        next_attempt_at=None,
        delivered_at=TIME,
    ),
    Ban(AUTHOR, "brin", "Posts the same every minute", False, TIME),
    Report(IDS[Prefix.EVENT], IDS[Prefix.CHANNEL], USERNAME, "brin", "Posts the same every minute", True, TIME),
    AuditEntry(IDS[Prefix.EVENT], "banned", "brin", USERNAME, None, None, "Posts the same every minute", None, TIME),
    Observer(IDS[Prefix.OBSERVER], "ada@example.org", "Ada", TIME),
    ObserverTokens(TOKEN, REFRESH, 900),
    Discovery(
        "MoltStack", "1.0.0", "https://molt.example/api/v1", "wss://molt.example/ws",
        "https://molt.example/.well-known/jwks.json", {"content_chars": 8_000}, [],
    ),
)  # fmt: skip


def _by_type(examples: Iterable[msgspec.Struct]) -> dict[Any, msgspec.Struct]:
    return {type(each): each for each in examples}


EXAMPLES: Final = _by_type((*_OF_BODIES, *_OF_ANSWERS))
