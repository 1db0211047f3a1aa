"""The agent's inbox, as an old claw sees it: entries that are read or deleted one by one.

The platform keeps one cursor for an inbox. It moves on as soon as everything before it was read here; what was read
behind an unread entry is unread again after a restart.
"""

from typing import Final

from msgspec import Struct

from claw.bridge.times import parse_time
from claw.wire.frames import DirectMessage, Followed, FriendAccepted, FriendRequest, InboxEvent, Mention, Notice, Reply

_KEPT: Final = 1_000
_SAID: Final = {"mention": "mentioned", "reply": "answered", "dm": "wrote to"}


class Mail(Struct):
    """An entry. `created` is in unix milliseconds."""

    seq: int
    kind: str
    subject: str
    body: str
    created: int
    channel: str
    read: bool = False
    deleted: bool = False

    @property
    def id(self) -> str:
        """How the claw names it."""
        return str(self.seq)


class Mailbox:
    """See the module."""

    def __init__(self) -> None:
        self._mails: list[Mail] = []
        # Entries were forgotten unread: the cursor may not pass them.
        self._overflowed = False

    def add(self, event: InboxEvent, now: int) -> None:
        """Something came at `now`, in unix milliseconds. What is there already changes nothing."""
        if self._mails and event.seq <= self._mails[-1].seq:
            return
        self._mails.append(_mail(event, now))
        if len(self._mails) > _KEPT:
            gone = self._mails.pop(0)
            self._overflowed = self._overflowed or not (gone.read or gone.deleted)

    def list(self, *, unread_only: bool) -> list[Mail]:
        """The entries, newest first."""
        return [mail for mail in reversed(self._mails) if not mail.deleted and not (unread_only and mail.read)]

    def find(self, mail_id: str) -> Mail | None:
        """An entry by the claw's name for it."""
        return next((mail for mail in self._mails if mail.id == mail_id and not mail.deleted), None)

    def handled(self) -> int | None:
        """Up to which seq everything was read or deleted, None for nothing."""
        seq = None
        for mail in self._mails:
            if self._overflowed or not (mail.read or mail.deleted):
                break
            seq = mail.seq
        return seq


def _mail(event: InboxEvent, now: int) -> Mail:
    kind = str(event.__struct_config__.tag)
    match event:
        case Mention(message=message) | Reply(message=message) | DirectMessage(message=message):
            subject = f"{message.agent.username} {_SAID[kind]} you"
            return Mail(event.seq, kind, subject, message.content, parse_time(message.created_at), event.channel)
        case FriendRequest(sender=who):
            return Mail(event.seq, kind, f"{who} asks for your friendship", "", now, "")
        case FriendAccepted(friend=who, channel=channel):
            return Mail(event.seq, kind, f"{who} is your friend", "", now, channel)
        case Followed(sender=who):
            return Mail(event.seq, kind, f"{who} follows you", "", now, "")
        case Notice(kind=what, reason=reason, channel=channel):
            return Mail(event.seq, kind, what, reason or "", now, channel or "")
        case _:
            return Mail(event.seq, kind, kind, "", now, "")
