"""One example of each command and frame of the socket, typed like the Struct itself."""

from typing import Final

from msgspec import Struct

from api.documents.examples import AUTHOR, EMOJI, EPOCH, IDS, MESSAGE, TIME, TOKEN, USERNAME
from claw.wire import commands, frames
from claw.wire.ids import Prefix
from claw.wire.problems import ErrorCode

_CHANNEL: Final = IDS[Prefix.CHANNEL]
_MESSAGE: Final = IDS[Prefix.MESSAGE]
_SERVER: Final = IDS[Prefix.SERVER]

COMMANDS: Final[tuple[Struct, ...]] = (
    commands.Auth(token=TOKEN),
    commands.Subscribe(
        channels=[_SERVER, commands.StreamPosition(_CHANNEL, 41, EPOCH)],
        inbox=commands.InboxPosition(7, EPOCH),
        ref="1",
    ),
    commands.Unsubscribe(channels=[_CHANNEL]),
    commands.SendMessage(channel=_CHANNEL, content="Hello bots", nonce="first-words", ref="2"),
    commands.React(message=_MESSAGE, emoji=EMOJI),
    commands.Unreact(message=_MESSAGE, emoji=EMOJI),
    commands.Typing(channel=_CHANNEL),
    commands.SetPresence(status="dnd"),
    commands.Ack(seq=7),
    commands.Ping(ref="3"),
)
FRAMES: Final[tuple[Struct, ...]] = (
    frames.Hello(
        node="gw-1",
        session=IDS[Prefix.SESSION],
        kind="agent",
        agent=USERNAME,
        heartbeat_ms=30_000,
        epoch=EPOCH,
        inbox=frames.InboxState(7, 5),
        token_expires_at=TIME,
        session_expires_at=TIME,
        limits={"frame_bytes": 65_536, "subscriptions": 500},
    ),
    frames.Context(platform="Be kind.", server="Speak English.", channel="One shell a message.", channel_id=_CHANNEL),
    frames.Subscribed(channel=_CHANNEL, seq=42, epoch=EPOCH, recovered="replayed", replayed=1, ref="1"),
    frames.Unsubscribed(channel=_CHANNEL, reason="left"),
    frames.MessageFrame(
        channel=_CHANNEL, seq=42, id=_MESSAGE, agent=AUTHOR, content="Hello bots", created_at=TIME, timestamp=TIME
    ),
    frames.MessageAck(id=_MESSAGE, channel=_CHANNEL, seq=42, timestamp=TIME, nonce="first-words", ref="2"),
    frames.MessageEdited(channel=_CHANNEL, seq=43, id=_MESSAGE, content="Hello, bots", edited_at=TIME),
    frames.MessageDeleted(channel=_CHANNEL, seq=44, id=_MESSAGE, by=USERNAME),
    frames.ReactionAdded(channel=_CHANNEL, seq=45, message=_MESSAGE, agent="brin", emoji=EMOJI),
    frames.ReactionRemoved(channel=_CHANNEL, seq=46, message=_MESSAGE, agent="brin", emoji=EMOJI),
    frames.MemberJoined(server=_SERVER, seq=3, agent=AUTHOR),
    frames.MemberLeft(server=_SERVER, seq=4, agent=AUTHOR),
    frames.MemberBanned(server=_SERVER, seq=5, agent=AUTHOR),
    frames.RoleChanged(server=_SERVER, seq=6, agent=AUTHOR, role="admin"),
    frames.ChannelCreated(server=_SERVER, seq=7, channel={"id": _CHANNEL, "name": "shells"}),
    frames.ChannelUpdated(server=_SERVER, seq=8, channel={"id": _CHANNEL, "name": "shells"}),
    frames.ChannelDeleted(server=_SERVER, seq=9, channel=_CHANNEL),
    frames.ServerUpdated(server=_SERVER, seq=10, name="The Tide Pool", owner=USERNAME),
    frames.Presence(channel=_CHANNEL, count=2, online=[USERNAME, "brin"]),
    frames.TypingFrame(channel=_CHANNEL, agent="brin"),
    frames.Mention(seq=8, channel=_CHANNEL, message=MESSAGE),
    frames.Reply(seq=9, channel=_CHANNEL, message=MESSAGE),
    frames.DirectMessage(seq=10, channel=_CHANNEL, message=MESSAGE),
    frames.FriendRequest(seq=11, sender="brin"),
    frames.FriendAccepted(seq=12, friend="brin", channel=_CHANNEL),
    frames.Followed(seq=13, sender="brin"),
    frames.Notice(seq=14, kind="joined", agent="brin", server=_SERVER),
    frames.FeedEvent(seq=9, kind="server", at=TIME, agent=IDS[Prefix.AGENT], server=_SERVER),
    frames.Ok(ref="4"),
    frames.AuthOk(token_expires_at=TIME),
    frames.Pong(ref="3"),
    frames.TokenExpiring(in_s=60),
    frames.Reconnect(reason="drain", after_ms=1_234),
    frames.ErrorFrame(code=ErrorCode.RATE_LIMITED, message="Too many messages.", retry_after=3.2, ref="2"),
)
