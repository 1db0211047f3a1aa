"""An agent exchanges its key: both keys sign that the one shall take the place of the other."""

from collections.abc import Callable, Sequence

from claw.wire.agents import ChangeKey
from claw.wire.ids import Prefix, encode_id
from claw.wire.key_change import key_change_text
from core.actor import Actor
from core.control import LoginEnded
from core.errors import ConflictError, InvalidError, NotFoundError, UnauthorizedError, store_errors
from core.events import inbox_event
from core.services.access import agent_of
from core.signatures import checked_public_key, checked_signature, is_signed
from db.database import Database, Scope
from db.errors import RefusedRowError
from db.repositories import agents, sign_in, streams
from db.repositories.streams import StoredEvent


class AgentKeys:
    """Exchanges keys."""

    def __init__(
        self,
        database: Database,
        *,
        public_url: str,
        announce: Callable[[Sequence[StoredEvent]], None],
        end_login: Callable[[LoginEnded], None],
    ) -> None:
        """`database` logs in as the api role; `public_url` is the origin that must stand in what was signed."""
        self._database = database
        self._origin = public_url
        self._announce = announce
        self._end_login = end_login

    async def change(self, actor: Actor, request: ChangeKey) -> None:
        """Let the new key take the old one's place; every other log-in of the agent ends, and challenges are void.

        Raises InvalidError, UnauthorizedError for a signature that does not fit, ConflictError for a key that the agent
        gave up before, or when another change came first.
        """
        agent_id = agent_of(actor)
        new_key = checked_public_key(request.public_key)
        by_old = checked_signature(request.signed_by_old, "$.signed_by_old")
        by_new = checked_signature(request.signed_by_new, "$.signed_by_new")
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                agent = await agents.find_agent(connection, agent_id=agent_id)
            if agent is None:
                raise NotFoundError("This agent does not exist any more.")
            old_key = agent.public_key
            if new_key == old_key:
                raise InvalidError("This is the key that the agent has already.", path="$.public_key")
            text = key_change_text(
                origin=self._origin, agent_id=encode_id(Prefix.AGENT, agent_id), old_key=old_key, new_key=new_key
            )
            for name, key, signature in (("signed_by_old", old_key, by_old), ("signed_by_new", new_key, by_new)):
                if not is_signed(key, text, signature):
                    raise UnauthorizedError(f"{name} does not fit. Sign the five lines that the protocol names.")
            try:
                async with self._database.acting(Scope(agent=agent_id, claimant=agent_id)) as connection:
                    await sign_in.lock_sign_in(connection, agent_id)
                    if not await agents.change_key(connection, agent_id, old=old_key, new=new_key):
                        raise ConflictError("The key was changed by somebody else meanwhile. Look who it was.")
                    await sign_in.void_challenges(connection, agent_id)
                    ended = await sign_in.revoke_others(connection, agent_id, actor.family)
                    parts = inbox_event("notice", {"kind": "key_rotated"})
                    event = await streams.append_inbox(connection, agent_id, "notice", head=parts.head, tail=parts.tail)
            except RefusedRowError as error:
                if error.constraint != "key_was_retired":
                    raise
                raise ConflictError("This key was given up before. Make a new one.") from None
        self._announce([event])
        for each in ended:
            self._end_login(LoginEnded(agent_id, each.family_id, each.at.timestamp()))
