"""The documents are whole: every row is told of, every Struct has an example, every reference leads somewhere."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import jsonschema_rs
import msgspec
import pytest

from api.documents.asyncapi import build_asyncapi
from api.documents.examples import EXAMPLES
from api.documents.frame_examples import COMMANDS, FRAMES
from api.documents.guide import help_text, llms_text, skill_text
from api.documents.openapi import build_openapi
from api.documents.operations import answers_of, operation_id, path_variables
from api.documents.reference import render
from api.endpoints import API_BASE, ROOT_TABLE, TABLE
from api.routing import Endpoint
from claw.wire.commands import AnyCommand
from claw.wire.frames import AnyFrame
from claw.wire.problems import ErrorCode
from claw.wire.rest import Discovery, Page

Json = dict[str, Any]

ORIGIN = "https://molt.example"
WHERE = Discovery("MoltStack", "1.0", f"{ORIGIN}/api/v1", "wss://molt.example/ws", f"{ORIGIN}/jwks.json", {}, [])
ROWS = [*TABLE, *ROOT_TABLE]
OPENAPI: Json = json.loads(
    msgspec.json.encode(build_openapi([(API_BASE, TABLE), ("", ROOT_TABLE)], public_url=ORIGIN, version="1.0"))
)
ASYNCAPI: Json = json.loads(msgspec.json.encode(build_asyncapi(gateway=WHERE.gateway, version="1.0")))


def _name(row: Endpoint) -> str:
    return f"{row.method} {row.path}"


def _items(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Page else kind


def _objects(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)


def _found(document: Json, reference: str) -> Any:
    found: Any = document
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_every_row_is_documented(row: Endpoint) -> None:
    assert row.about is not None, f"{_name(row)}: give the row an `about` (api/about.py)"
    assert row.about.summary, f"{_name(row)}: its `about` has no summary"
    assert not row.about.summary.endswith("."), f"{_name(row)}: a summary is no sentence"
    unknown = [each.name for each in path_variables(row.path) if not each.meaning]
    assert not unknown, f"{_name(row)}: say in api/documents/operations.py what {unknown} is"
    assert "return" in row.action.__annotations__, f"{_name(row)}: its action says nowhere what it answers"
    kinds = [*map(_items, answers_of(row)), *([] if row.body is None else [row.body])]
    missing = [kind.__name__ for kind in kinds if isinstance(kind, type) and kind not in EXAMPLES]
    assert not [name for name in missing if name != "dict"], f"{_name(row)}: examples.py has none of {missing}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_no_query_parameter_is_read_that_is_not_declared(row: Endpoint) -> None:
    if "query" in row.action.__code__.co_names:
        assert row.query is not None, f"{_name(row)}: it reads call.query, and declares no `query`"


def test_no_two_operations_have_one_name() -> None:
    names = [operation_id(row) for row in ROWS]
    assert len(names) == len(set(names))


def test_every_example_fits_its_schema() -> None:
    """A validator of another make agrees that each example is what the document says."""
    for name, schema in OPENAPI["components"]["schemas"].items():
        assert schema["description"], name
    for operation in _operations():
        contents = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (each for given in contents for each in given.get("content", {}).values()):
            validator = jsonschema_rs.Draft202012Validator({**content["schema"], "components": OPENAPI["components"]})
            examples = [each["value"] for each in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            for example in examples:
                validator.validate(example)


def test_every_answer_in_json_has_an_example() -> None:
    for operation in _operations():
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                if media_type == "application/json" and "$ref" in content["schema"]:
                    assert content["example"] is not None, f"{operation['operationId']} {status}"


def _operations() -> Iterator[Json]:
    for operations in OPENAPI["paths"].values():
        yield from operations.values()


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document: Json) -> None:
    references = {each["$ref"] for each in _objects(document) if isinstance(each.get("$ref"), str)}
    assert references
    for reference in references:
        assert _found(document, reference) is not None


def test_every_code_of_a_refusal_is_in_the_document() -> None:
    text = json.dumps(OPENAPI)
    for code in ErrorCode:
        if code != ErrorCode.UNKNOWN_OP:
            assert f'"code": "{code}"' in text, code


@pytest.mark.parametrize(
    ("union", "examples"), [(AnyCommand, COMMANDS), (AnyFrame, FRAMES)], ids=["commands", "frames"]
)
def test_every_command_and_frame_has_an_example_that_fits(union: Any, examples: tuple[msgspec.Struct, ...]) -> None:
    assert {type(each) for each in examples} == set(get_args(union)), "api/documents/frame_examples.py"
    for each in examples:
        sent = msgspec.json.encode(each)
        assert msgspec.json.decode(sent, type=union) == each
        schema = {"$ref": f"#/components/schemas/{type(each).__name__}", "components": ASYNCAPI["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(json.loads(sent))


def test_the_socket_is_described_both_ways() -> None:
    directions = {each["action"]: len(each["messages"]) for each in ASYNCAPI["operations"].values()}
    assert directions == {"receive": len(get_args(AnyCommand)), "send": len(get_args(AnyFrame))}
    assert ASYNCAPI["servers"]["gateway"] == {
        "host": "molt.example",
        "pathname": "/ws",
        "protocol": "wss",
        "security": [{"$ref": "#/components/securitySchemes/token"}],
    }


def test_the_page_shows_every_operation_and_needs_no_script_and_no_other_host() -> None:
    page = render(OPENAPI)
    for operation in _operations():
        assert f'<details id="{operation["operationId"]}">' in page
    assert "<script" not in page
    assert "style=" not in page
    assert not re.findall(r'(?:src|href)="(?![/#])', page)
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_help_skill_and_llms_tell_the_same_addresses() -> None:
    texts = [help_text(WHERE, ORIGIN), skill_text(WHERE, ORIGIN), llms_text(WHERE, ORIGIN)]
    for text in texts:
        assert not re.search(r"@\w+@", text), "a placeholder was left"
        assert {f"{ORIGIN}/{path}" for path in ("openapi.json", "asyncapi.json", "docs", "discover")} <= set(
            re.findall(r"https://[\w./]+\w", text)
        )
    commands = re.findall(r"^    (.+)$", texts[0], re.MULTILINE)
    assert "\n".join(commands) == "\n".join(re.findall(r"```sh\n(.*?)\n```", texts[1], re.DOTALL))
    assert max(len(line) for line in texts[0].splitlines() if not line.startswith("    ")) <= 100


def test_the_skill_begins_as_skills_do() -> None:
    lines = skill_text(WHERE, ORIGIN).splitlines()
    assert lines[:2] == ["---", "name: moltstack"]
    assert lines[2].startswith("description: ")
    assert len(lines[2]) < 1_024
    assert ": " not in lines[2].removeprefix("description: "), "no YAML any more"
    assert json.loads(lines[4].removeprefix("metadata: "))["openclaw"]["requires"]["bins"] == ["curl", "openssl"]
    assert lines[5] == "---"
