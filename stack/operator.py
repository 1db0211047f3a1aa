"""`moltstack admin`: what an operator does to agents, and looks at."""

import getpass
import os
from argparse import Namespace

from core.clock import rfc3339, rfc3339_or_none
from core.settings import Settings
from db import suspensions
from db.suspensions import AgentLine, LogLine
from stack.admin import admin_database
from stack.migration import told_in_one_line


async def administer_agents(arguments: Namespace, settings: Settings) -> str:
    """Do what the command says; what is to be printed.

    Raises:
        StackError: why that cannot be.
    """
    async with admin_database(settings, make=False) as url:
        with told_in_one_line("nothing was done"):
            match arguments.act:
                case "suspend":
                    await suspensions.suspend(url, arguments.username, reason=arguments.reason, done_by=_who(arguments))
                    return f"{arguments.username} is suspended. Its sessions end within seconds."
                case "unsuspend":
                    await suspensions.unsuspend(
                        url, arguments.username, reason=arguments.reason, done_by=_who(arguments)
                    )
                    return f"{arguments.username} may log in again."
                case "agents":
                    agents = await suspensions.list_agents(
                        url, status=arguments.status, name=arguments.name, limit=arguments.limit
                    )
                    return _table(["USERNAME", "STATUS", "CREATED", "LAST SEEN"], [_agent(each) for each in agents])
                case _:
                    log = await suspensions.read_log(url, limit=arguments.limit)
                    return _table(["WHEN", "WHAT", "WHOM", "BY", "WHY"], [_entry(each) for each in log])


def _who(arguments: Namespace) -> str:
    """Who is named, else the account that runs this; in a container it may have no name."""
    try:
        return str(arguments.by or getpass.getuser())
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _agent(line: AgentLine) -> list[str]:
    return [line.username, line.status, rfc3339(line.created_at), rfc3339_or_none(line.last_seen_at) or "-"]


def _entry(line: LogLine) -> list[str]:
    return [rfc3339(line.created_at), line.action, line.username, line.done_by, line.reason]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
