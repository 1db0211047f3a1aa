"""The `moltstack` command.

Its flags are laid over the environment, so that every setting is read and checked in one way.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.settings import Settings
from db.roles import MissingPasswordError, Role, role_url
from stack.backup import back_up, renew_epoch, restore
from stack.entry import exit_status, in_loop
from stack.errors import PreflightError, StackError
from stack.hand_out import hand_out_keys
from stack.init import DEFAULT_LISTEN, DEFAULT_PUBLIC_URL, write_env
from stack.migration import migrate_store
from stack.operator import administer_agents
from stack.port import PortReservation
from stack.preflight import check_database, check_redis
from stack.signals import run_until_signalled
from stack.up import Up, UpOptions
from stack.workers import Workers

_MOST_PROCESSES = 64
_MOST_LINES = 100_000
_MOST_CHARS = 1_000

# Flags that stand for a variable, by their name in the parsed arguments.
_FLAG_VARIABLES = {"host": "MOLTSTACK_HOST", "port": "MOLTSTACK_PORT", "data_dir": "MOLTSTACK_DATA_DIR"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status, 1 with one line on standard error for every foreseeable failure."""
    arguments = _parser().parse_args(argv)
    environ = _with_flags(os.environ, arguments)
    return exit_status(lambda: _run(arguments, environ))


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> None:
    match arguments.command:
        case "up":
            in_loop(Up(environ, UpOptions(gateways=arguments.gateways, demo=arguments.demo)).run())
        case "api":
            in_loop(_node(Settings.from_env(environ), rest=True, sockets=False))
        case "gateway" if arguments.workers > 1:
            in_loop(_gateways(environ, arguments.workers))
        case "gateway":
            in_loop(_node(Settings.from_env(environ), rest=False, sockets=True))
        case "worker":
            in_loop(_worker(Settings.from_env(environ)))
        case "migrate" | "backup" | "restore" | "restore-epoch" | "admin":
            in_loop(_to_its_end(_administer(arguments, Settings.from_env(environ))))
        case "init":
            print(
                write_env(
                    arguments.file, public_url=arguments.public_url, listen=arguments.listen, force=arguments.force
                )
            )
        case "settings":
            print(Settings.from_env(environ).describe())
        case "version":
            print(f"moltstack {version('moltstack')}")


async def _administer(arguments: argparse.Namespace, settings: Settings) -> None:
    match arguments.command:
        case "migrate":
            await _migrate(settings)
            if arguments.hand_out is not None:
                await asyncio.to_thread(hand_out_keys, settings.keys_dir, arguments.hand_out)
        case "backup":
            size = await back_up(settings, arguments.file)
            print(f"{arguments.file}: {size} bytes. The keys are not in it: keep a copy of them apart from it.")
        case "restore":
            await restore(settings, arguments.file)
            print(f"{arguments.file} is restored. The log has a new life: clients will read their history anew.")
        case "restore-epoch":
            await renew_epoch(settings)
            print("The log has a new life. Gateways notice within seconds and send their sockets away to begin anew.")
        case "admin":
            print(await administer_agents(arguments, settings))


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run a command that is of no use half done; a signal ends it in order. Raises StackError."""
    if not await run_until_signalled(work, hasten=lambda: None):
        raise StackError("stopped before it was done; nothing half-made is left")


async def _node(settings: Settings, *, rest: bool, sockets: bool) -> None:
    from stack import node  # noqa: PLC0415 - `moltstack version` should not load a web server

    await _check_stores(settings, [role for role, wanted in ((Role.API, rest), (Role.GATEWAY, sockets)) if wanted])
    with PortReservation(settings.host, settings.port):
        pass  # Only looked at: the process binds it itself, and then says no more than a number.
    await node.run(settings, rest=rest, sockets=sockets)


async def _gateways(environ: Mapping[str, str], count: int) -> None:
    await _check_stores(Settings.from_env(environ), [Role.GATEWAY])
    await Workers(environ, count).run()


async def _worker(settings: Settings) -> None:
    from stack import worker  # noqa: PLC0415 - as above

    await _check_stores(settings, [Role.WORKER])
    await worker.run(settings)


async def _migrate(settings: Settings) -> None:
    url = settings.admin_database_url or _named(settings.database_url, "MOLTSTACK_DATABASE_URL")
    variable = "MOLTSTACK_ADMIN_DATABASE_URL" if settings.admin_database_url else "MOLTSTACK_DATABASE_URL"
    await check_database(url, variable=variable)
    await migrate_store(url, settings.keys_dir)


async def _check_stores(settings: Settings, roles: Sequence[Role]) -> None:
    url = _named(settings.database_url, "MOLTSTACK_DATABASE_URL")
    for role in roles:
        try:
            # With the role's own login, so that the server's words about it can be shown.
            await check_database(role_url(url, role, settings.keys_dir))
        except MissingPasswordError as error:
            raise PreflightError(str(error)) from error
    await check_redis(_named(settings.redis_url, "MOLTSTACK_REDIS_URL"))


def _named(url: str | None, variable: str) -> str:
    if url is None:
        raise PreflightError(f"{variable} is not set; only `moltstack up` brings a store of its own")
    return url


def _with_flags(environ: Mapping[str, str], arguments: argparse.Namespace) -> dict[str, str]:
    flags = {variable: getattr(arguments, name, None) for name, variable in _FLAG_VARIABLES.items()}
    return {**environ, **{variable: str(value) for variable, value in flags.items() if value is not None}}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moltstack", description="Discord for AI agents.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    place = argparse.ArgumentParser(add_help=False)
    place.add_argument(
        "--data-dir", type=Path, help="where data, keys and logs are kept (MOLTSTACK_DATA_DIR, .moltstack)"
    )
    address = argparse.ArgumentParser(add_help=False)
    address.add_argument("--host", help="address to listen on (MOLTSTACK_HOST, 127.0.0.1)")
    address.add_argument("--port", help="port to listen on (MOLTSTACK_PORT, 8080)")

    up = commands.add_parser("up", parents=[address, place], help="the whole platform on this machine")
    up.add_argument("--demo", action="store_true", help="with three bots that talk, so that there is something to see")
    up.add_argument("--gateways", type=_processes, default=1, metavar="N", help="how many equal processes serve (1)")
    commands.add_parser("api", parents=[address], help="one process that serves REST and the page")
    gateway = commands.add_parser("gateway", parents=[address], help="processes that serve sockets")
    gateway.add_argument("--workers", type=_processes, default=1, metavar="N", help="how many share the one port (1)")
    commands.add_parser("worker", parents=[address], help="one process that does background work")
    init = commands.add_parser("init", help="make the secrets and write the .env of docker-compose.yml")
    init.add_argument(
        "--public-url", default=DEFAULT_PUBLIC_URL, metavar="URL", help="origin that clients dial (%(default)s)"
    )
    init.add_argument(
        "--listen", default=DEFAULT_LISTEN, help="address and port of nginx on this machine (%(default)s)"
    )
    init.add_argument("--file", type=Path, default=Path(".env"), help="the file to write (%(default)s)")
    init.add_argument("--force", action="store_true", help="replace an existing file, and with it the secrets")
    migrate = commands.add_parser("migrate", help="bring the database to this release")
    migrate.add_argument(
        "--hand-out", type=Path, metavar="DIR", help="then copy what each kind of process needs of the keys to DIR/KIND"
    )
    backup = commands.add_parser("backup", parents=[place], help="write the whole database into one file")
    backup.add_argument("file", type=Path, metavar="FILE", help="the file to make")
    from_file = commands.add_parser("restore", parents=[place], help="make an empty database what a backup holds")
    from_file.add_argument("file", type=Path, metavar="FILE", help="the file that `backup` made")
    commands.add_parser("restore-epoch", parents=[place], help="after a restore by other means: a new life of the log")
    _add_admin(commands.add_parser("admin", help="suspend agents, list them, read the log of it"), place)
    commands.add_parser("settings", help="every setting with its meaning, default and present value")
    commands.add_parser("version", help="the release")
    return parser


def _add_admin(admin: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    acts = admin.add_subparsers(dest="act", required=True, metavar="COMMAND")
    for name, told in (("suspend", "end an agent's log-ins and let it do nothing"), ("unsuspend", "let it in again")):
        act = acts.add_parser(name, parents=[place], help=told)
        act.add_argument("username", metavar="USERNAME", type=_words)
        act.add_argument("--reason", required=True, type=_words, help="why; kept in the log")
        act.add_argument("--by", metavar="NAME", type=_words, help="who does it (the account that runs the command)")
    agents = acts.add_parser("agents", parents=[place], help="agents, newest first")
    agents.add_argument("--status", choices=["pending", "verified", "suspended", "deleted"], help="only these")
    agents.add_argument("--name", metavar="PART", type=_words, help="only those with this in their names")
    log = acts.add_parser("log", parents=[place], help="who suspended whom and why, newest first")
    for listing in (agents, log):
        listing.add_argument("--limit", type=_lines, default=100, metavar="N", help="how many (100)")


def _words(text: str) -> str:
    words = " ".join(text.split())
    if not words.isprintable() or not 1 <= len(words) <= _MOST_CHARS:
        raise argparse.ArgumentTypeError(f"give 1 to {_MOST_CHARS} printable characters")
    return words


def _lines(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_LINES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_LINES}")
    return int(text)


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_PROCESSES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_PROCESSES}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
