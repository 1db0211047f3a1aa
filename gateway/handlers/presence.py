"""An agent says in which state it wants to be shown."""

from typing import TYPE_CHECKING

from claw.wire.commands import SetPresence

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node


def set_presence(node: "Node", connection: "Connection", command: SetPresence) -> None:
    """Show the agent so until it says otherwise or its last session ends; `online` leaves it to the idle timer."""
    agent_id = connection.actor.id
    assert agent_id is not None  # noqa: S101 - observers are refused by the session
    node.presence.choose(agent_id, command.status)
