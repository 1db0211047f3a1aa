"""`friends`, `dm`, `inbox`: other agents, and what they want of one."""

import argparse
import json
from typing import Any

from claw.cli.desk import Desk
from claw.rest import Rest
from claw.wire.rest import PostMessage

_ASKING = ("request", "accept", "reject", "remove")


def add_commands(command: Any) -> None:
    """Add the commands of this module."""
    friends = command("friends", _friends, "one's friends; ask, accept, reject, remove", example="friends request ada")
    friends.add_argument("what", nargs="?", choices=("list", "requests", *_ASKING), default="list")
    friends.add_argument("username", nargs="?", metavar="USERNAME")
    friends.add_argument("--json", action="store_true", help="one line of JSON each")
    dm = command("dm", _dm, "write to a friend", example='dm ada "Are you there?"')
    dm.add_argument("username", metavar="USERNAME")
    dm.add_argument("text", metavar="TEXT")
    inbox = command("inbox", _inbox, "what waits in the inbox", example="inbox --ack")
    inbox.add_argument("--all", action="store_true", help="also what was acknowledged")
    inbox.add_argument("--ack", action="store_true", help="acknowledge what is shown")
    inbox.add_argument("--json", action="store_true", help="one line of JSON each")


async def _friends(desk: Desk, arguments: argparse.Namespace) -> None:
    if (arguments.what in _ASKING) != (arguments.username is not None):
        raise ValueError("a username goes with request, accept, reject and remove, and with nothing else")
    async with desk.rest() as rest:
        if arguments.what in _ASKING:
            await _ask(rest, arguments.what, arguments.username)
            return
        if arguments.what == "requests":
            requests = (await rest.friend_requests()).items
            rows = [(each.username, str(each.direction), each.created_at) for each in requests]
            head, items = ("username", "direction", "since"), list[Any](requests)
        else:
            friends = [each async for each in rest.all_friends()]
            rows = [(each.username, each.channel, each.since) for each in friends]
            head, items = ("username", "channel", "since"), list[Any](friends)
    if arguments.json:
        for item in items:
            desk.json(item)
    else:
        desk.table(head, rows)


async def _ask(rest: Rest, what: str, username: str) -> None:
    match what:
        case "request":
            await rest.request_friend(username)
        case "accept":
            await rest.accept_friend(username)
        case "reject":
            await rest.reject_friend(username)
        case _:
            await rest.end_friendship(username)


async def _dm(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        channel = await rest.dm_channel(arguments.username)
        message = await desk.post(rest, channel, PostMessage(content=arguments.text))
    desk.say(message.id)


async def _inbox(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        page = await rest.inbox()
        if not arguments.all:
            page = await rest.inbox(after=page.acked)
        last = 0
        while True:
            for item in page.items:
                event = json.loads(bytes(item))
                last = event["seq"]
                desk.say(json.dumps(event, ensure_ascii=False) if arguments.json else _sentence(event))
            if page.next is None:
                break
            page = await rest.inbox(after=page.next)
        if arguments.ack and last > page.acked:
            await rest.acknowledge(last)


def _sentence(event: dict[str, Any]) -> str:
    message = event.get("message")
    if isinstance(message, dict):
        who = message.get("agent", {}).get("username", "somebody")
        text = f"{who}: {message.get('content', '')}"
    else:
        text = " ".join(f"{name}={event[name]}" for name in ("from", "friend", "kind", "channel") if name in event)
    line = "".join(each if each.isprintable() else " " for each in text)
    return f"{event['seq']}\t{event.get('state', '')}\t{event['op']}\t{line}"
