"""The contract as TypeScript, for `claw/js`: `python -m claw.wire.typescript` prints the module `src/wire.ts`.

It holds the types of all frames, commands and objects, and of the HTTP API's bodies, answers and queries; with them
what a decoder checks (`SHAPES`), the close codes and the sizes. Made at each build and never edited.
"""

import sys
from collections.abc import Iterator
from enum import Enum
from types import ModuleType
from typing import Any, Final, TypeVar, get_args

from msgspec import NODEFAULT, Struct, inspect, json

from claw.wire import commands, discovery, frames, limits, objects
from claw.wire.agents import AckInbox, AgentConfig, Delivery, InboxPage, UpdateAgent, UpdateConfig, WebhookSecret
from claw.wire.challenge import VERSION
from claw.wire.close import CloseCode
from claw.wire.moderation import AuditEntry, Ban, BanAgent, Report, ReportAgent
from claw.wire.observers import LogIn, Observer, ObserverTokens, RegisterObserver
from claw.wire.problems import ErrorCode, Problem
from claw.wire.queries import AgentsQuery, FeedQuery, HistoryQuery, InboxQuery, SearchQuery, ServersQuery
from claw.wire.rest import (
    ChallengeIssued,
    ChallengeRequest,
    CreateChannel,
    CreateInvite,
    CreateServer,
    Discovery,
    EditMessage,
    GiveReaction,
    GuestToken,
    History,
    Invite,
    JoinServer,
    Logout,
    NameAgent,
    Page,
    PostMessage,
    Refresh,
    Register,
    SignedChallenge,
    Tokens,
    UpdateChannel,
    UpdateServer,
)
from claw.wire.tokens import ApiToken, NewToken, TokenMade
from claw.wire.webhooks import WebhookDelivery

_FRAMES: Final[tuple[type[Struct], ...]] = get_args(frames.AnyFrame)
_COMMANDS: Final[tuple[type[Struct], ...]] = get_args(commands.AnyCommand)
# What has a default may be missing there: in a frame since an event is kept as it was written, by whichever version,
# and in what a client sends since the server fills it in.
_MAY_BE_MISSING: Final[tuple[type[Struct], ...]] = (
    *_FRAMES, *_COMMANDS, commands.StreamPosition, commands.InboxPosition,
    Register, ChallengeRequest, SignedChallenge, Refresh, Logout, RegisterObserver, LogIn, UpdateAgent, UpdateConfig,
    CreateServer, UpdateServer, CreateInvite, JoinServer, CreateChannel, UpdateChannel, PostMessage, EditMessage,
    GiveReaction, NameAgent, AckInbox, BanAgent, ReportAgent, NewToken,
    ServersQuery, AgentsQuery, HistoryQuery, InboxQuery, SearchQuery, FeedQuery, Problem,
)  # fmt: skip


def _structs_of(module: ModuleType) -> Iterator[type[Struct]]:
    return (each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__)


_WHOLE: Final[tuple[type[Struct], ...]] = (
    *_structs_of(objects), *_structs_of(discovery),
    frames.InboxState, ChallengeIssued, Tokens, GuestToken, Page, History, Discovery, AgentConfig, InboxPage, Delivery,
    Observer, ObserverTokens, Invite, WebhookSecret, WebhookDelivery, Ban, Report, AuditEntry, ApiToken, TokenMade,
)  # fmt: skip

_HEAD: Final = "// Made from claw/wire by `python -m claw.wire.typescript`. Change it there.\n"
_KIND: Final = """/** What JSON calls a value. */
export type Kind = "string" | "number" | "boolean" | "object" | "array" | "null";
"""


class _T(Struct):
    """Stands for the parameter of a generic struct."""


def typescript() -> str:
    """The text of the module."""
    parts = [_HEAD, _enum(ErrorCode)]
    structs: dict[str, type[Struct]] = {}
    for struct in (*_WHOLE, *_MAY_BE_MISSING):
        if structs.setdefault(struct.__name__, struct) is not struct:
            raise ValueError(f"two structs are called {struct.__name__}: TypeScript has one room for both")
    parts += [_interface(struct, whole=struct not in _MAY_BE_MISSING) for struct in structs.values()]
    parts += [_union("AnyFrame", _FRAMES), _union("AnyCommand", _COMMANDS)]
    parts += [
        _union(name, [each for each in _FRAMES if issubclass(each, base)])
        for name, base in (("AnyServerEvent", frames.ServerEvent), ("AnyInboxEvent", frames.InboxEvent))
    ]
    parts += [
        _KIND,
        _constant("SHAPES", "Readonly<Record<string, Readonly<Record<string, readonly Kind[]>>>>", _shapes()),
        _constant("CLOSE", "", {code.name: code.value for code in CloseCode}),
        _constant("LIMITS", "", {name: value for name, value in vars(limits).items() if type(value) is int}),
        _constant("CHALLENGE_VERSION", "", VERSION),
    ]
    return "\n".join(parts)


def _enum(enum: type[Enum]) -> str:
    values = " | ".join(_literal(member.value) for member in enum)
    return f"/** A later version may have more. */\nexport type {enum.__name__} = {values} | (string & {{}});\n"


def _interface(struct: type[Struct], *, whole: bool) -> str:
    parameters = getattr(struct, "__parameters__", ())
    described: Any = struct[(_T,) * len(parameters)] if parameters else struct  # type: ignore[index]  # generic, as its parameters say
    lines = [*_comment(struct.__doc__), f"export interface {struct.__name__}{'<T>' if parameters else ''} {{"]
    config = struct.__struct_config__
    if config.tag_field is not None:
        lines.append(f"  readonly {config.tag_field}: {_literal(config.tag)};")
    for field in _fields(described):
        # What may be UNSET has no default of its own here.
        unset = not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT
        always = field.required or (whole and not config.omit_defaults)
        optional = "?" if unset or not always else ""
        lines.append(f"  readonly {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([*lines, "}", ""])


def _comment(text: str | None) -> Iterator[str]:
    lines = [line.strip() for line in (text or "").strip().splitlines()]
    yield f"/** {lines[0]}" if len(lines) > 1 else f"/** {''.join(lines)} */"
    if len(lines) > 1:
        yield from (f" * {line}".rstrip() for line in lines[1:])
        yield " */"


def _fields(struct: Any) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(struct)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    return described.fields


# One branch a type of JSON, here and below: tables, which read best in one place.
def _type(described: inspect.Type) -> str:
    match described:
        case inspect.Metadata(type=inner):
            return _type(inner)
        case inspect.StructType(cls=cls):
            return "T" if cls is _T else cls.__name__
        case inspect.EnumType(cls=cls):
            return cls.__name__
        case inspect.LiteralType(values=values):
            return " | ".join(_literal(value) for value in values)
        case inspect.UnionType(types=types):
            return " | ".join(dict.fromkeys(_type(each) for each in types))
        case inspect.ListType(item_type=item):
            text = _type(item)
            return f"readonly ({text})[]" if "|" in text else f"readonly {text}[]"
        case inspect.DictType(value_type=value):
            return f"Readonly<Record<string, {_type(value)}>>"
        case _:
            return {"string": "string", "number": "number", "boolean": "boolean", "null": "null"}.get(
                _kinds(described)[0], "unknown"
            )


def _kinds(described: inspect.Type) -> list[str]:  # noqa: PLR0911 - a table
    match described:
        case inspect.Metadata(type=inner):
            return _kinds(inner)
        case inspect.UnionType(types=types):
            return list(dict.fromkeys(kind for each in types for kind in _kinds(each)))
        case inspect.LiteralType(values=values):
            return ["boolean" if isinstance(values[0], bool) else "string"]
        case inspect.StrType() | inspect.DateTimeType() | inspect.EnumType():
            return ["string"]
        case inspect.IntType() | inspect.FloatType():
            return ["number"]
        case inspect.BoolType():
            return ["boolean"]
        case inspect.NoneType():
            return ["null"]
        case inspect.ListType():
            return ["array"]
        case inspect.StructType() | inspect.DictType():
            return ["object"]
        case _:
            return ["any"]


def _shapes() -> dict[str, dict[str, list[str]]]:
    """Of each op the fields without which a frame of it cannot be used."""
    return {
        str(frame.__struct_config__.tag): {
            field.encode_name: _kinds(field.type) for field in _fields(frame) if field.required
        }
        for frame in _FRAMES
    }


_Each = TypeVar("_Each", bound=type[Struct])


def _union(name: str, structs: "list[_Each] | tuple[_Each, ...]") -> str:
    return f"export type {name} =\n  | " + "\n  | ".join(each.__name__ for each in structs) + ";\n"


def _constant(name: str, annotation: str, value: Any) -> str:
    text = _literal(value)
    return (
        f"export const {name}: {annotation} = {text};\n" if annotation else f"export const {name} = {text} as const;\n"
    )


def _literal(value: Any) -> str:
    return json.encode(value).decode()


if __name__ == "__main__":
    sys.stdout.write(typescript())
