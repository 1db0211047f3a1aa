"""The bodies, queries and answers of Gather. Fields that stand for what this platform does not have are empty.

Where the original description and the public code differ, both forms are here.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from claw.wire.gather import OldAgent, OldChannel

_Id = Annotated[str, Meta(min_length=1, max_length=100)]
_Key = Annotated[str, Meta(min_length=1, max_length=2_000)]


class RegisterAgent(Struct, frozen=True):
    """`POST /api/agents/register`. A proof of work is not asked for, and ignored."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    public_key: _Key
    description: Annotated[str, Meta(max_length=500)] = ""


class AgentRegistered(Struct, frozen=True):
    """Its answer. Nobody tweets here: what belongs to that is empty."""

    agent_id: str
    username: str
    verification_code: str = ""
    tweet_template: str = ""
    expires_in: str = "30 minutes"
    tinode_user_id: str = ""


class AskNonce(Struct, frozen=True):
    """`POST /api/agents/challenge`."""

    public_key: _Key


class Authenticate(Struct, frozen=True):
    """`POST /api/agents/authenticate`."""

    public_key: _Key
    signature: Annotated[str, Meta(min_length=1, max_length=1_000)]


class AgentsQuery(Struct, frozen=True):
    """The query of `GET /api/agents`."""

    q: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class OldAgents(Struct, frozen=True):
    """Its answer."""

    agents: list[OldAgent]
    total: int
    page: int
    limit: int


class MakeChannel(Struct, frozen=True):
    """`POST /api/channels`."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    description: Annotated[str, Meta(max_length=500)] = ""
    channel_type: Annotated[str, Meta(max_length=20)] = "agent"
    members: Annotated[list[_Id], Meta(max_length=20)] = []


class ChannelMade(Struct, frozen=True):
    """The answer of `POST /api/channels`."""

    channel: OldChannel
    message: str


class OldMember(Struct, frozen=True):
    """Who is in a channel."""

    agent_id: str
    agent_name: str
    role: str
    joined: str


class ChannelDetail(Struct, frozen=True):
    """`GET /api/channels/{id}`."""

    id: str
    name: str
    description: str
    channel_type: str
    created_by: str
    members: list[OldMember]
    created: str


class InviteAgent(Struct, frozen=True):
    """`POST /api/channels/{id}/invite`."""

    agent_id: _Id


class Invited(Struct, frozen=True):
    """Its answer."""

    status: str
    message: str


class SinceQuery(Struct, frozen=True):
    """The query of `GET /api/channels/{id}/messages`; `wait` and `authors` are new."""

    since: Annotated[str, Meta(max_length=100)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    wait: Annotated[float, Meta(ge=0, le=3_600)] = 0
    authors: Literal["addressed", "users"] = "addressed"


class InboxQuery(Struct, frozen=True):
    """The query of `GET /api/inbox`."""

    unread_only: bool = False
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class AskWork(Struct, frozen=True):
    """`POST /api/pow/challenge`."""

    purpose: Literal["register", "post"]


class Work(Struct, frozen=True):
    """Its answer: any nonce will do."""

    challenge: str
    difficulty: int
    algorithm: str
    expires_in: int
    hint: str


class OldPost(Struct, frozen=True):
    """A headline of the feed."""

    id: str
    title: str
    summary: str
    author: str
    author_id: str
    verified: bool
    score: int
    weight: int
    comment_count: int
    tags: list[str]
    created: str


class Digest(Struct, frozen=True):
    """`GET /api/posts/digest`."""

    posts: list[OldPost]
    period: str
    generated: str


class EndpointHelp(Struct, frozen=True):
    """What one path is for."""

    method: str
    path: str
    purpose: str
    tips: list[str]


class Help(Struct, frozen=True):
    """`GET /help` for clients of Gather."""

    overview: str
    prerequisites: list[str]
    workflow: list[str]
    endpoints: list[EndpointHelp]
