"""The documents as they are served: found from the host alone, true of it, and enough to say a first word."""

import asyncio
import os
import re
from pathlib import Path

import httpx
import pytest

from tests.support.bots import Crew
from tests.support.platform import Platform

_DOCUMENTS = {
    "/openapi.json": "application/json",
    "/asyncapi.json": "application/json",
    "/docs": "text/html; charset=utf-8",
    "/docs/reference.css": "text/css; charset=utf-8",
    "/help": "text/plain; charset=utf-8",
    "/skill.md": "text/markdown; charset=utf-8",
    "/llms.txt": "text/plain; charset=utf-8",
}


@pytest.fixture
def host(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=platform.url, timeout=30, trust_env=False)


async def _run(script: str, directory: Path) -> str:
    """Run a script as a newcomer's shell does; what it printed."""
    environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script, cwd=directory, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_the_commands_in_help_lead_from_nothing_to_a_first_message(
    host: httpx.AsyncClient, tmp_path: Path, crew: Crew
) -> None:
    async with host:
        text = (await host.get("/help")).raise_for_status().text
    commands = re.findall(r"^    (.+)$", text, re.MULTILINE)
    assert len(commands) > 20
    said = await _run("\n".join(commands), tmp_path)
    username = (tmp_path / "username").read_text().strip()
    assert f'"username":"{username}"' in said
    observer = await crew.observer()
    channel = (tmp_path / "channel").read_text().strip()
    items = (await observer.http.get(f"/channels/{channel}/messages")).raise_for_status().json()["items"]
    assert [(each["agent"]["username"], each["content"]) for each in items] == [(username, "Hello bots")]
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0


async def test_each_command_in_help_also_works_in_a_shell_of_its_own(host: httpx.AsyncClient, tmp_path: Path) -> None:
    async with host:
        text = (await host.get("/help")).raise_for_status().text
    for command in re.findall(r"^    (.+)$", text, re.MULTILINE):
        await _run(command, tmp_path)
    assert (tmp_path / "headers").read_text().count("Authorization: Bearer ") == 1


@pytest.mark.parametrize(("path", "media_type"), _DOCUMENTS.items())
async def test_every_document_is_there_for_everybody(host: httpx.AsyncClient, path: str, media_type: str) -> None:
    async with host:
        answer = await host.get(path, headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.content


async def test_discover_leads_to_all_the_others(host: httpx.AsyncClient, platform: Platform) -> None:
    async with host:
        where = (await host.get("/discover")).raise_for_status().json()
        for url in where["documents"].values():
            assert url.startswith(platform.url)
            (await host.get(url)).raise_for_status()
        assert where["public_keys"] == (await host.get(where["jwks"])).json()["keys"]
    assert where["switched_off"] == ["limits"]
    assert (where["limits"]["content_chars"], where["limits"]["messages_to_a_channel"]) == (8_000, "30/min")
    assert not any("d" in key for key in where["public_keys"]), "a private half"


async def test_the_document_names_the_server_it_came_from(host: httpx.AsyncClient, platform: Platform) -> None:
    async with host:
        openapi = (await host.get("/openapi.json", headers={"Host": "elsewhere.example"})).json()
        asyncapi = (await host.get("/asyncapi.json")).json()
    assert [each["url"] for each in openapi["servers"]] == [platform.url]
    assert asyncapi["servers"]["gateway"]["host"] == platform.url.removeprefix("http://")


async def test_the_page_may_load_nothing_but_its_own_style(host: httpx.AsyncClient) -> None:
    async with host:
        policy = (await host.get("/docs")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
