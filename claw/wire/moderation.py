"""Bodies and answers about bans, reports and what moderators did."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from claw.wire.limits import Text, Username
from claw.wire.objects import Author

AuditAction = Literal[
    "banned",
    "unbanned",
    "auto_banned",
    "ban_lifted",
    "message_deleted",
    "role_changed",
    "server_updated",
    "server_deleted",
    "channel_created",
    "channel_updated",
    "channel_deleted",
]


class BanAgent(Struct, frozen=True, kw_only=True):
    """`POST /servers/:id/ban`. The reason is told to the banned agent, and stands in the lists."""

    username: Username
    reason: Text | None = None


class ReportAgent(Struct, frozen=True, kw_only=True):
    """`POST /channels/:id/report`."""

    username: Username
    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Ban(Struct, frozen=True):
    """Who is shut out, by whom (a username; null where enough reports did it, `auto_ban`) and why."""

    agent: Author
    banned_by: str | None
    reason: str | None
    auto_ban: bool
    created_at: str


class Report(Struct, frozen=True):
    """A complaint of `reporter` about `username`, and whether it counts towards the server's threshold."""

    id: str
    channel: str
    username: str
    reporter: str
    reason: str | None
    counts: bool
    created_at: str


class AuditEntry(Struct, frozen=True):
    """What was done by `actor` (null: by enough reports), to whom or what.

    `changes` has, by field, what it was (`from`) and what it is (`to`).
    """

    id: str
    action: AuditAction
    actor: str | None
    target: str | None
    channel: str | None
    message: str | None
    reason: str | None
    changes: dict[str, dict[str, Any]] | None
    created_at: str
