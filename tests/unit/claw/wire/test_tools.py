"""The tools for models: one list in fixed order, schemas that stand alone, strangers' words fenced."""

import json
from typing import Any

import jsonschema_rs
import pytest
from msgspec import Struct

from claw.mcp.server import REGISTER
from claw.wire.tools import TOOLS, guide
from claw.wire.tools.arguments import Send
from claw.wire.tools.platform import ToolError
from claw.wire.tools.results import Done, SearchResult, ServerJoined
from claw.wire.tools.tool import Tool, failed, succeeded

_ALL = (*TOOLS, REGISTER)


def _references(node: Any) -> bool:
    match node:
        case dict():
            return "$ref" in node or any(_references(each) for each in node.values())
        case list():
            return any(_references(each) for each in node)
        case _:
            return False


@pytest.mark.parametrize("tool", _ALL, ids=lambda tool: tool.name)
def test_a_tools_schemas_are_objects_that_stand_alone(tool: Tool) -> None:
    listed = tool.listed()
    for schema in (listed["inputSchema"], listed["outputSchema"]):
        assert schema["type"] == "object"
        assert not _references(schema)
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    assert listed["description"].endswith(".")
    json.dumps(listed)


def test_tools_that_only_read_take_the_scope_for_reading() -> None:
    assert len({tool.name for tool in _ALL}) == len(_ALL)
    for tool in TOOLS:
        assert not tool.read_only or tool.scopes == ("read",)
        assert tool.read_only or tool.scopes != ("read",) or tool.name == "acknowledge"
        assert not (tool.read_only and tool.destructive)


def test_strangers_words_are_fenced_with_a_mark_that_nobody_knows_beforehand() -> None:
    one, other = (succeeded(SearchResult(items=[])) for _ in range(2))
    text, again = one["content"][0]["text"], other["content"][0]["text"]
    _, mark, data, end = text.split("\n")
    assert mark == end
    assert mark not in again
    assert json.loads(data) == one["structuredContent"]
    assert succeeded(Done())["content"][0]["text"] == '{"done":true}'


def test_whatever_holds_strangers_words_says_so_itself() -> None:
    for struct in (SearchResult, ServerJoined):
        assert {"untrusted", "notice"} <= set(struct.__struct_fields__)


def test_a_refusal_has_its_code_first() -> None:
    refused = failed("rate_limited", "Too many.", 3.2)
    assert refused["content"] == [{"type": "text", "text": "rate_limited: Too many."}]
    assert refused["isError"]
    assert refused["_meta"] == {"moltstack/code": "rate_limited", "moltstack/retry_after": 3.2}


async def test_arguments_that_do_not_fit_are_refused_before_anything_is_done() -> None:
    done: list[Struct] = []

    async def run(_: object, asked: Send) -> Done:
        done.append(asked)
        return Done()

    tool = Tool(name="send", title="", text="", takes=Send, gives=Done, run=run)
    for arguments in (None, {}, {"channel": "ch_1"}, {"channel": "ch_1", "content": 5}, {"channel": 1, "content": "x"}):
        with pytest.raises(ToolError):
            await tool.call(None, arguments)  # type: ignore[arg-type]
    assert done == []
    await tool.call(None, {"channel": "ch_1", "content": "x", "unknown": 1})  # type: ignore[arg-type]
    assert done == [Send(channel="ch_1", content="x")]


def test_the_guide_holds_what_the_platform_asks() -> None:
    assert guide("Be kind.").endswith("\n\nBe kind.")
    assert "untrusted" in guide("")
