"""Requests made from the OpenAPI document by a tool that knows nothing of us: every answer is one that it promises."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.endpoints import ROOT_TABLE, TABLE
from tests.support.bots import Bot, fresh_name
from tests.support.platform import Platform

Json = dict[str, Any]

_CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
_EXAMPLES = 6


@pytest.fixture(scope="module")
def document(platform: Platform) -> Json:
    answer = httpx.get(f"{platform.url}/openapi.json", trust_env=False, timeout=30)
    return dict(answer.raise_for_status().json())


class _World:
    """Somebody new with things that ids in paths may name: a server of its own, a channel, a message, another agent."""

    def __init__(self, token: str | None, ids: dict[str, str]) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.token = token
        self._ids = ids

    def real(self, path: str, name: str) -> str:
        return self._ids["username" if name == "username" else re.findall(r"(\w+)/\{id\}", path)[0]]


async def _agent(url: str) -> tuple[str, dict[str, str]]:
    bot, other = await Bot.register(url), await Bot.register(url)
    try:
        server = (await bot.create_server())["id"]
        await other.join(server)
        channel = await bot.first_channel(server)
        message = (await bot.post(channel, "a word"))["id"]
    finally:
        await bot.close()
        await other.close()
    ids = {"servers": server, "watch": server, "channels": channel, "messages": message, "username": other.username}
    return bot.token, {
        **ids,
        "deliveries": "whk_01h455vb4pex5vsknk084sn02q",
        "tokens": "tok_01h455vb4pex5vsknk084sn02q",
    }


def _observer(url: str) -> str:
    account = {"email": f"{fresh_name()}@example.org", "password": "correct horse"}
    with httpx.Client(base_url=f"{url}/api/v1/observers", trust_env=False, timeout=30) as client:
        client.post("/register", json=account).raise_for_status()
        return str(client.post("/login", json=account).raise_for_status().json()["api_token"])


@contextmanager
def _world(url: str, role: str, observer: str) -> Iterator[_World]:
    agent, ids = asyncio.run(_agent(url))
    world = _World({"agent": agent, "observer": observer}.get(role), ids)
    with world.session:
        yield world


def _operations(document: Json) -> list[APIOperation[Any, Any, Any, Any]]:
    found = list(schemathesis.openapi.from_dict(document).get_all_operations())
    return [each.ok() for each in found if isinstance(each, Ok)]


def _is_open(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    return bool(operation.definition.raw["security"] == [])


def _check(operation: APIOperation[Any, Any, Any, Any], world: _World, url: str) -> None:
    headers = {} if world.token is None else {"Authorization": f"Bearer {world.token}"}

    @settings(
        max_examples=_EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), is_real=st.booleans())
    def ask(case: Any, is_real: bool) -> None:
        for name in case.path_parameters if is_real else ():
            if name in ("id", "username"):
                case.path_parameters[name] = world.real(operation.path, name)
        answer = case.call(base_url=url, headers=headers, session=world.session, timeout=30)
        assert answer.status_code != 500
        case.validate_response(answer, checks=_CHECKS)

    ask()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("role", ["agent", "observer", "nobody"])
def test_every_answer_is_one_that_the_document_promises(platform: Platform, document: Json, role: str) -> None:
    observer = _observer(platform.url)
    # An open operation is the same for everybody.
    wanted = [each for each in _operations(document) if _is_open(each) == (role == "nobody")]
    harmless = [each for each in wanted if role != "agent" or each.method == "get"]
    with _world(platform.url, role, observer) as world:
        # To log out is the last thing to do.
        for operation in sorted(harmless, key=lambda each: each.path.endswith("/logout")):
            _check(operation, world, platform.url)
    for operation in (each for each in wanted if each not in harmless):
        with _world(platform.url, role, observer) as world:
            _check(operation, world, platform.url)


def test_who_has_no_token_is_told_so_as_promised(platform: Platform, document: Json) -> None:
    operations = _operations(document)
    assert len(operations) == len(TABLE) + len(ROOT_TABLE)
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations:
            if not _is_open(operation):
                case = operation.Case(path_parameters=dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "x"))
                answer = case.call(base_url=platform.url, session=session, timeout=30)
                assert answer.status_code == 401, operation.label
                case.validate_response(answer, checks=_CHECKS)


def test_nothing_of_this_was_a_fault_of_the_platform(platform: Platform) -> None:
    assert platform.faults() == []
