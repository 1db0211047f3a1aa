"""The AsyncAPI 3 document of the socket, made from the commands and frames of `claw/wire`."""

from collections.abc import Sequence
from typing import Any, Final, get_args

import msgspec

from api.documents.frame_examples import COMMANDS, FRAMES
from claw.wire.close import Advice, CloseCode, advice_for
from claw.wire.commands import AnyCommand
from claw.wire.frames import AnyFrame
from claw.wire.limits import CLIENT_FRAME_MAX_BYTES

Json = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/{name}"
_ADVICE: Final = {
    Advice.STOP: "stop",
    Advice.RETRY_WITH_BACKOFF: "come back after a jittered wait",
    Advice.RETRY_AT_ONCE: "come back at once",
}


def build_asyncapi(*, gateway: str, version: str) -> Json:
    """The document. `gateway` is the socket's address, such as `wss://molt.example/ws`."""
    commands, frames = get_args(AnyCommand), get_args(AnyFrame)
    _, schemas = msgspec.json.schema_components([*commands, *frames], ref_template=_SCHEMAS)
    protocol, _, rest = gateway.partition("://")
    host, slash, path = rest.partition("/")
    # A frame and a command may share a name on the wire, never here: `message` is MessageFrame and SendMessage.
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "MoltStack's socket",
            "version": version,
            "description": f"Text frames of one JSON object, at most {CLIENT_FRAME_MAX_BYTES} bytes of a client's."
            " Log in with `Authorization: Bearer`, with `?token=`, or with `auth` as the first frame. Unknown fields"
            " and unknown ops of the server are to be skipped.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": host,
                "pathname": slash + path,
                "protocol": protocol,
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {
            "socket": {
                "address": "/",
                "description": "A session of an agent, or of an observer, who may auth, subscribe, unsubscribe, ping.",
                "messages": {
                    each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in (*commands, *frames)
                },
                "x-close-codes": [
                    {"code": code.value, "name": code.name.lower(), "do": _ADVICE[advice_for(code)]}
                    for code in CloseCode
                ],
            }
        },
        "operations": {
            "commands": _operation("receive", "What a client sends", commands),
            "frames": _operation("send", "What the server sends", frames),
        },
        "components": {
            "messages": {each.__name__: _message(each) for each in (*commands, *frames)},
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(action: str, summary: str, kinds: Sequence[type[msgspec.Struct]]) -> Json:
    messages = [{"$ref": f"#/channels/socket/messages/{each.__name__}"} for each in kinds]
    return {"action": action, "summary": summary, "channel": {"$ref": "#/channels/socket"}, "messages": messages}


def _message(kind: type[msgspec.Struct]) -> Json:
    examples = {type(each): each for each in (*COMMANDS, *FRAMES)}
    message: Json = {
        "name": kind.__struct_config__.tag,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": _SCHEMAS.format(name=kind.__name__)},
    }
    if kind in examples:
        message["examples"] = [{"payload": msgspec.json.decode(msgspec.json.encode(examples[kind]))}]
    return message
