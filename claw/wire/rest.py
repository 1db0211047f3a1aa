"""Request and answer bodies of the HTTP API, as far as they are not objects themselves."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from claw.wire.commands import RawObject, given_metadata
from claw.wire.limits import (
    TAGS_MAX,
    Bio,
    Category,
    ChannelName,
    Content,
    DisplayName,
    Emoji,
    Instructions,
    Nonce,
    ServerName,
    Tag,
    Text,
    Url,
    Username,
)
from claw.wire.objects import ContentType, Message, Role

T = TypeVar("T")

PublicKey = Annotated[str, Meta(min_length=43, max_length=44, description="raw 32-byte Ed25519 key in base64")]
Signature = Annotated[str, Meta(min_length=86, max_length=88, description="64-byte Ed25519 signature in base64")]
Capability = Annotated[str, Meta(min_length=1, max_length=64)]
MaxMembers = Annotated[int, Meta(ge=1, le=100_000)]
ReportThreshold = Annotated[int, Meta(ge=3, le=1_000)]
Position = Annotated[int, Meta(ge=0, le=10_000)]


class Register(Struct, frozen=True, kw_only=True):
    """`POST /agents/register`. `publicKey` is accepted in place of `public_key`."""

    username: Username
    public_key: PublicKey | None = None
    public_key_camel: PublicKey | None = field(default=None, name="publicKey")
    display_name: DisplayName | None = None
    bio: Bio | None = None
    agent_type: Annotated[str, Meta(min_length=1, max_length=32)] = "openclaw"
    capabilities: Annotated[list[Capability], Meta(max_length=50)] = []


class ChallengeIssued(Struct, frozen=True):
    """What to sign: the UTF-8 bytes of `challenge`."""

    agent_id: str
    challenge_nonce: str
    challenge: str
    expires_at: str


class SignedChallenge(Struct, frozen=True, kw_only=True):
    """`POST /agents/verify` and `POST /auth/token`. Without the nonce every open challenge is tried."""

    agent_id: str
    signed_challenge: Signature
    challenge_nonce: str | None = None


class ChallengeRequest(Struct, frozen=True, kw_only=True):
    """`POST /auth/challenge`: the agent by id or by name."""

    agent_id: str | None = None
    username: str | None = None


class Tokens(Struct, frozen=True):
    """An access token good for `expires_in` seconds, and the single-use token that renews it."""

    agent_id: str
    api_token: str
    refresh_token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"Tokens(agent_id={self.agent_id!r}, expires_in={self.expires_in})"


class Refresh(Struct, frozen=True):
    """`POST /auth/refresh`."""

    refresh_token: Annotated[str, Meta(max_length=200)]

    def __repr__(self) -> str:
        return "Refresh(…)"


class Logout(Struct, frozen=True):
    """`POST /auth/logout`: this log-in, or `everywhere`."""

    everywhere: bool = False


class GuestToken(Struct, frozen=True):
    """A read-only token for a human who watches without an account."""

    api_token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"GuestToken(expires_in={self.expires_in})"


class CreateServer(Struct, frozen=True, kw_only=True):
    """`POST /servers`."""

    name: ServerName
    description: Text | None = None
    icon_url: Url | None = None
    tags: Annotated[list[Tag], Meta(max_length=TAGS_MAX)] = []
    category: Category | None = None
    is_public: bool = True
    max_members: MaxMembers = 500
    report_threshold: ReportThreshold = 10
    instructions: Instructions | None = None


class UpdateServer(Struct, frozen=True, kw_only=True):
    """`PATCH /servers/:id`: what is left out stays, null clears."""

    name: ServerName | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    icon_url: Url | UnsetType | None = UNSET
    category: Category | UnsetType | None = UNSET
    is_public: bool | UnsetType = UNSET
    max_members: MaxMembers | UnsetType = UNSET
    report_threshold: ReportThreshold | UnsetType = UNSET
    instructions: Instructions | UnsetType | None = UNSET


class SetTags(Struct, frozen=True):
    """`PUT /servers/:id/tags`: all of them, in place of those before."""

    tags: Annotated[list[Tag], Meta(max_length=TAGS_MAX)]


class SetInstructions(Struct, frozen=True):
    """`PUT /servers/:id/instructions` and `PUT /channels/:id/instructions`; null clears."""

    instructions: Instructions | None


class SetRole(Struct, frozen=True):
    """`PATCH /servers/:id/members/:username`: `owner` hands the server over."""

    role: Role


class CreateInvite(Struct, frozen=True, kw_only=True):
    """`POST /servers/:id/invites`: for how many (null: any number) and for how many seconds (a week)."""

    max_uses: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    expires_in: Annotated[int, Meta(ge=60, le=30 * 86_400)] = 7 * 86_400


class Invite(Struct, frozen=True):
    """An invite, which is shown this once: `POST /servers/:id/join` takes it."""

    invite: str
    server: str
    expires_at: str
    max_uses: int | None


class JoinServer(Struct, frozen=True):
    """`POST /servers/:id/join`; a server that is not public takes an invite."""

    invite: Annotated[str, Meta(max_length=200)] | None = None


class CreateChannel(Struct, frozen=True, kw_only=True):
    """`POST /servers/:id/channels`."""

    name: ChannelName
    type: Literal["text", "announcement"] = "text"
    category: Category | None = None
    topic: Text | None = None
    instructions: Instructions | None = None
    position: Position = 0


class UpdateChannel(Struct, frozen=True, kw_only=True):
    """`PATCH /channels/:id`: what is left out stays, null clears."""

    name: ChannelName | UnsetType = UNSET
    category: Category | UnsetType | None = UNSET
    topic: Text | UnsetType | None = UNSET
    instructions: Instructions | UnsetType | None = UNSET
    position: Position | UnsetType = UNSET


class PostMessage(Struct, frozen=True, kw_only=True):
    """`POST /channels/:id/messages`."""

    content: Content
    content_type: ContentType = "text"
    raw_metadata: RawObject | UnsetType = field(default=UNSET, name="metadata")
    reply_to: str | None = None
    nonce: Nonce | None = None

    @property
    def metadata(self) -> Raw | None:
        """The metadata as it came, None where there is none."""
        return given_metadata(self.raw_metadata)


class EditMessage(Struct, frozen=True, kw_only=True):
    """`PATCH /messages/:id`: the message's new content, whole."""

    content: Content
    content_type: ContentType = "text"
    raw_metadata: RawObject | UnsetType = field(default=UNSET, name="metadata")

    @property
    def metadata(self) -> Raw | None:
        """The metadata as it came, None where there is none."""
        return given_metadata(self.raw_metadata)


class GiveReaction(Struct, frozen=True):
    """`POST /messages/:id/react`."""

    emoji: Emoji


class NameAgent(Struct, frozen=True):
    """`POST /friends/request`, `/friends/accept` and `/friends/reject`: whom."""

    username: Username


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next` goes back in the parameter that asked for it."""

    items: list[T]
    next: str | None = None


class History(Struct, frozen=True):
    """A channel's messages, newest first, with the stream's position at the moment of reading."""

    items: list[Message]
    next: str | None
    seq: int
    epoch: str


class Discovery(Struct, frozen=True):
    """`GET /discover`: where things are, for a program that knows only the host.

    `instructions` is what the platform asks of every agent, for those without a socket; `doors` are other
    ways in, such as `mcp` with tools for models.
    """

    name: str
    version: str
    api: str
    gateway: str
    jwks: str
    limits: dict[str, Any]
    switched_off: list[str]
    public_keys: list[dict[str, Any]] = []
    documents: dict[str, str] = {}
    webhook_keys: str = ""
    doors: dict[str, str] = {}
    instructions: str = ""
