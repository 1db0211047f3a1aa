"""A process that writes to the store as a node does: its own pools, its own group commit, its own announcements.

    python -m tests.support.writer ADMIN_URL KEYS_DIR

A line of JSON on standard input is a list of acts, done at once; the answer is a line with what was acknowledged and
what was announced. `{"endless": …}` posts with nonces 0, 1, 2 … until it is killed, and prints each acknowledgement.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from claw.wire.rest import EditMessage
from core.actor import Actor
from core.errors import MoltError
from core.group_commit import GroupCommit
from core.services.changes import Changes
from core.services.members import Members
from core.services.messages import Draft, Posting
from db.database import Database
from db.repositories.streams import StoredEvent
from db.roles import Role, role_url

_POSTERS = 16


class Writer:
    """The parts of a node that write."""

    def __init__(self, api: Database, gateway: Database) -> None:
        self.announced: list[StoredEvent] = []
        self.posting = Posting(GroupCommit(gateway, self.announced.extend))
        self.changes = Changes(gateway, self.announced.extend)
        self.members = Members(api, announce=self._announce, tell_all=lambda _: None)

    @classmethod
    async def open(cls, admin_url: str, keys_dir: Path) -> Self:
        api, gateway = [
            await Database.open(role_url(admin_url, role, keys_dir), name="writer", size=4)
            for role in (Role.API, Role.GATEWAY)
        ]
        return cls(api, gateway)

    def _announce(self, events: Sequence[StoredEvent]) -> None:
        self.announced.extend(events)

    async def act(self, kind: str, agent: UUID, target: UUID, text: str, nonce: str | None = None) -> Any:
        """What an act gave; None where it was refused."""
        try:
            match kind:
                case "post":
                    draft = Draft(encode_id(Prefix.CHANNEL, target), text, nonce=nonce)
                    posted = await self.posting.post(agent, draft)
                    return [posted.id, posted.seq]
                case "edit":
                    await self.changes.edit(agent, target, EditMessage(content=text))
                case "delete":
                    await self.changes.delete(agent, target)
                case "react":
                    await self.changes.react(agent, target, text)
                case "unreact":
                    await self.changes.unreact(agent, target, text)
                case "join":
                    await self.members.join(Actor("agent", agent), target)
                case "leave":
                    await self.members.leave(Actor("agent", agent), target)
                case _:
                    raise ValueError(kind)
        except MoltError as error:
            return str(error.code)
        return "done"

    async def all_at_once(self, acts: list[list[str]]) -> dict[str, Any]:
        given = await asyncio.gather(
            *(self.act(kind, UUID(agent), UUID(target), text) for kind, agent, target, text in acts)
        )
        told = [[str(event.stream_id), event.seq, event.frame.decode()] for event in self.announced]
        self.announced.clear()
        return {"given": given, "told": told}

    async def endless(self, agent: str, channel: str) -> None:
        numbers = iter(range(10**9))

        async def poster() -> None:
            for number in numbers:
                given = await self.act("post", UUID(agent), UUID(channel), f"number {number}", str(number))
                _say([number, *given])

        await asyncio.gather(*(poster() for _ in range(_POSTERS)))


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _main() -> None:
    writer = await Writer.open(sys.argv[1], Path(sys.argv[2]))
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if isinstance(order, dict):
            await writer.endless(**order["endless"])
        _say(await writer.all_at_once(order))


if __name__ == "__main__":
    asyncio.run(_main())
