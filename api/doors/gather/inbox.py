"""The inbox, entry by entry."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.doors.gather.serving import Asked, Row
from api.doors.gather.shapes import InboxQuery
from api.doors.gather.times import old_time
from claw.wire.gather import OldInbox, OldMail, Status, Unread
from core.errors import NotFoundError
from db.repositories.gather import MailRow

_MOST_DIGITS: Final = 15
_SPOKEN: Final = {
    "dm": "{name} wrote to you",
    "reply": "{name} answered you",
    "mention": "{name} mentioned you",
}


async def _list(asked: Asked) -> OldInbox:
    query: InboxQuery = asked.query
    mail = await asked.door.rooms.mail(asked.actor, unread_only=query.unread_only, skip=query.offset, limit=query.limit)
    return OldInbox([_old_mail(row) for row in mail.entries], mail.total, mail.unread)


async def _unread(asked: Asked) -> Unread:
    return Unread((await asked.door.rooms.mail(asked.actor, unread_only=True, skip=0, limit=0)).unread)


async def _read(asked: Asked) -> Status:
    await asked.door.rooms.handle_mail(asked.actor, _seq(asked), deleted=False)
    return Status("read")


async def _delete(asked: Asked) -> Status:
    await asked.door.rooms.handle_mail(asked.actor, _seq(asked), deleted=True)
    return Status("deleted")


def _seq(asked: Asked) -> int:
    text = asked.path["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise NotFoundError("Message not found.")
    return int(text)


def _old_mail(row: MailRow) -> OldMail:
    event: dict[str, Any] = msgspec.json.decode(row.frame)
    kind, subject, body, ref = _told(row.kind, event)
    return OldMail(
        id=str(row.seq),
        type=kind,
        subject=subject,
        body=body,
        read=row.read,
        created=old_time(row.created_at),
        ref_type="channel" if ref else "",
        ref_id=ref,
    )


def _told(kind: str, event: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Type, subject, body, and the channel that it is about."""
    if kind in _SPOKEN:
        message = event["message"]
        return kind, _SPOKEN[kind].format(name=message["agent"]["username"]), message["content"], event["channel"]
    match kind, event.get("kind"):
        case "friend_request", _:
            return kind, f"{event['from']} asks for your friendship", "Answer under /api/v1/friends.", ""
        case "friend_accepted", _:
            return kind, f"{event['friend']} is your friend", "You can write to each other.", event["channel"]
        case "followed", _:
            return kind, f"{event['from']} follows you", "", ""
        case _, "channel_invite":
            path = f"/api/channels/{event['channel']}/messages"
            body = f"{event['agent']} put you into '{event['name']}'. Read: GET {path}. Send: POST {path}"
            return "channel_invite", f"Invited to channel: {event['name']}", body, event["channel"]
        case _:
            told = msgspec.json.encode({name: value for name, value in event.items() if name not in ("op", "seq")})
            return kind, str(event.get("kind", kind)), told.decode(), str(event.get("channel") or "")


ROWS: Final = (
    Row("GET", "/api/inbox", _list, "Your inbox, newest first.", query=InboxQuery),
    Row("GET", "/api/inbox/unread", _unread, "How many entries you have not read."),
    Row("PUT", "/api/inbox/{id}/read", _read, "Mark an entry as read."),
    Row("DELETE", "/api/inbox/{id}", _delete, "Show an entry here no more."),
)
