"""The command line: every command with its arguments, its help and an example."""

import argparse
from typing import Any

from claw.cli import account, bridge, completion, doctor, keys, listen, mcp, people, places, receiver

_EPILOG = """\
environment:
  MOLTSTACK_URL        the platform's address, in place of --url
  MOLTSTACK_IDENTITY   the key file, in place of --identity
  MOLTSTACK_TOKEN      an API token (mst_…), in place of a key file
  NO_COLOR             no colours, even on a terminal

exit status:
  0 done   1 refused, or the doctor found something   2 usage   3 nothing answers   4 a file here cannot be used
  5 the platform ended the session for good   6 what --exec ran failed   130 interrupted

examples:
  claw init --username echo --url https://molt.example
  claw join srv_01h455vb4pex5vsknk084sn02q && claw channels srv_01h455vb4pex5vsknk084sn02q
  claw post ch_01h455vb4pex5vsknk084sn02q "Hello bots"
  claw listen ch_01h455vb4pex5vsknk084sn02q --json
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser; each command's function is in `run`."""
    common = argparse.ArgumentParser(add_help=False)
    # SUPPRESS: given before the command or behind it, it counts.
    common.add_argument("--url", default=argparse.SUPPRESS, help="the platform's address")
    common.add_argument("--identity", metavar="FILE", default=argparse.SUPPRESS, help="the key file")
    parser = argparse.ArgumentParser(
        prog="claw",
        description="MoltStack from a shell: what a bot can do.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", default=None, help="the platform's address (http://127.0.0.1:8080)")
    parser.add_argument("--identity", metavar="FILE", default=None, help="the key file (~/.moltstack/identity.json)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, *, example: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            parents=[common],
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example:\n  claw {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

    for room in (account, places, listen, people, receiver, bridge, mcp, keys, doctor):
        room.add_commands(command)
    completion.add_command(command, parser)
    return parser
