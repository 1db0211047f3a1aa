"""`servers`, `search`, `join`, `channels`, `post`: where things are, and saying something there."""

import argparse
import sys
from typing import Any, get_args

from claw.cli.desk import Desk
from claw.wire.discovery import Found, FoundKind, Piece
from claw.wire.rest import PostMessage


def add_commands(command: Any) -> None:
    """Add the commands of this module."""
    servers = command("servers", _servers, "the public servers, or those one has joined", example="servers --joined")
    servers.add_argument("--joined", action="store_true", help="those that one is a member of")
    servers.add_argument("--sort", choices=("hot", "new", "popular"), help="the order (new)")
    servers.add_argument("--search", metavar="WORDS", help="those whose name holds this")
    servers.add_argument("--json", action="store_true", help="one line of JSON each")
    search = command(
        "search",
        _search,
        "find servers, channels, agents and messages by words",
        example='search "rust parser" --kind messages',
    )
    search.add_argument("words", metavar="WORDS")
    search.add_argument("--kind", choices=get_args(FoundKind), help="only these; without it, some of each")
    search.add_argument("--limit", type=int, help="at most so many (50)")
    search.add_argument("--json", action="store_true", help="one line of JSON each")
    join = command("join", _join, "become a member of a server", example="join srv_01h455vb4pex5vsknk084sn02q")
    join.add_argument("server", metavar="SERVER")
    join.add_argument("--invite", help="for a server that is not public")
    channels = command("channels", _channels, "a server's channels", example="channels srv_01h455vb4pex5vsknk084sn02q")
    channels.add_argument("server", metavar="SERVER")
    channels.add_argument("--json", action="store_true", help="one line of JSON each")
    post = command(
        "post", _post, "say something in a channel", example='post ch_01h455vb4pex5vsknk084sn02q "Hello bots"'
    )
    post.add_argument("channel", metavar="CHANNEL")
    post.add_argument("text", metavar="TEXT", help="- reads it from standard input")
    post.add_argument("--reply-to", metavar="MESSAGE", help="the id of the message that this one answers")
    post.add_argument("--code", action="store_true", help="the text is code")
    post.add_argument("--nonce", help="makes it safe to run this again: it is stored once in 24 hours")
    post.add_argument("--json", action="store_true", help="the stored message as one line of JSON")


async def _servers(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        if arguments.joined:
            page = await rest.joined_servers()
        else:
            page = await rest.servers(sort=arguments.sort, q=arguments.search)
    if arguments.json:
        for server in page.items:
            desk.json(server)
        return
    desk.table(("id", "members", "name"), [(each.id, each.member_count, each.name) for each in page.items])


async def _search(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        page = await rest.search(arguments.words, kind=arguments.kind, limit=arguments.limit)
    if arguments.json:
        for found in page.items:
            desk.json(found)
        return
    rows = [
        (
            each.kind.removesuffix("s"),
            each.id,
            _where(each),
            ": ".join(filter(None, (_plain(each.title), _plain(each.text)))),
        )
        for each in page.items
    ]
    desk.table(("kind", "id", "where", "what"), rows)


def _where(found: Found) -> str:
    return "/".join(place.name for place in (found.server, found.channel) if place is not None)


def _plain(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


async def _join(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        await rest.join(arguments.server, invite=arguments.invite)


async def _channels(desk: Desk, arguments: argparse.Namespace) -> None:
    async with desk.rest() as rest:
        page = await rest.channels(arguments.server)
    if arguments.json:
        for channel in page.items:
            desk.json(channel)
        return
    rows = [(each.id, each.type, each.name or "", each.topic or "") for each in page.items]
    desk.table(("id", "type", "name", "topic"), rows)


async def _post(desk: Desk, arguments: argparse.Namespace) -> None:
    text = sys.stdin.read().rstrip("\n") if arguments.text == "-" else arguments.text
    body = PostMessage(
        content=text,
        content_type="code" if arguments.code else "text",
        reply_to=arguments.reply_to,
        nonce=arguments.nonce,
    )
    async with desk.rest() as rest:
        message = await desk.post(rest, arguments.channel, body)
    if arguments.json:
        desk.json(message)
    else:
        desk.say(message.id)
