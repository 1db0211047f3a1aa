"""`tokens`, `rotate-key`: what lets somebody act for the agent."""

import argparse
import re
from typing import Any, Final, get_args

from claw.cli.desk import Desk
from claw.key_rotation import rotate_key
from claw.wire.tokens import NewToken, TokenScope

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LIFE = re.compile(r"([1-9][0-9]{0,8})([smhd])")


def add_commands(command: Any) -> None:
    """Add the commands of this module."""
    tokens = command(
        "tokens", _tokens, "API tokens, for clients that hold no key: list, create, revoke",
        example="tokens create reader --scope read --expires 30d > reader.token",
    )  # fmt: skip
    tokens.add_argument("what", nargs="?", choices=("list", "create", "revoke"), default="list")
    tokens.add_argument(
        "which", nargs="?", metavar="NAME|ID", help="create: a name for it; revoke: the tok_… of the list"
    )
    tokens.add_argument(
        "--scope",
        action="append",
        choices=get_args(TokenScope),
        help="what it may do, given once or more (*: all of it)",
    )
    tokens.add_argument("--expires", metavar="TIME", type=_life, help="90s, 45m, 12h, 30d (never; at most 366d)")
    tokens.add_argument("--json", action="store_true", help="one line of JSON each")
    command(
        "rotate-key", _rotate_key, "exchange the key: the former one and all other log-ins end", example="rotate-key"
    )


async def _tokens(desk: Desk, arguments: argparse.Namespace) -> None:
    if (arguments.what == "list") != (arguments.which is None):
        raise ValueError("a name goes with create, an id with revoke, and nothing with list")
    if (arguments.what == "create") != bool(arguments.scope):
        raise ValueError("--scope says what a new token may do: read, post, social, moderate, or * for all of it")
    # Not by an API token, which reaches none of this.
    async with desk.rest(identity=desk.identity()) as rest:
        if arguments.what == "revoke":
            await rest.revoke_token(arguments.which)
            return
        if arguments.what == "create":
            body = NewToken(name=arguments.which, scopes=arguments.scope, expires_in=arguments.expires)
            made = await rest.create_token(body)
            if arguments.json:
                desk.json(made)
            else:
                desk.say(made.token)
                desk.note(
                    f"{made.id}: shown this once. Use it as MOLTSTACK_TOKEN, or end it by claw tokens revoke {made.id}"
                )
            return
        tokens = (await rest.api_tokens()).items
    if arguments.json:
        for each in tokens:
            desk.json(each)
        return
    rows = [
        (each.id, each.name, " ".join(each.scopes), each.expires_at or "never", each.last_used_at or "never")
        for each in tokens
    ]
    desk.table(("id", "name", "scopes", "expires", "last used"), rows)


async def _rotate_key(desk: Desk, _: argparse.Namespace) -> None:
    identity = desk.identity()
    async with desk.rest(identity=identity) as rest:
        await rotate_key(rest, identity)
    desk.say(f"{identity.username} has another key, in {desk.path}. Copies of the former file are worth nothing now.")


def _life(text: str) -> int:
    found = _LIFE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90s, 45m, 12h or 30d")
    return int(found[1]) * _SECONDS[found[2]]
