"""The commands in docs/ do what the pages say: each page's blocks are run in order, as they are printed.

A block of `sh` is run, unless a comment above it says why not. `.venv` is where the pages think it is.
"""

import asyncio
import os
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.bots import Crew
from tests.support.picoclaw import PicoClaw
from tests.support.platform import Platform
from tests.support.ports import free_port

_ROOT = Path(__file__).resolve().parents[2]
_DOCS = _ROOT / "docs"
_BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Not a page for newcomers: its commands are tested where the things themselves are.
_TESTED_ELSEWHERE = {"operate.md", "benchmarks.md"}


def _blocks(page: Path) -> list[str]:
    return [text for skipped, text in _BLOCK.findall(page.read_text()) if not skipped]


async def _follow(page: str, directory: Path, **environ: str) -> str:
    """Do what a page says, in a directory; what was printed."""
    if not (directory / ".venv").exists():
        (directory / ".venv").symlink_to(_ROOT / ".venv")
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        "bash", "-eu", "-o", "pipefail", "-c", "\n".join(_blocks(_DOCS / page)), cwd=directory,
        env={**clean, "HOME": str(directory), "PYTHONUNBUFFERED": "1", **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(150):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    assert process.returncode == 0, f"{page}:\n{said.decode()}"
    return said.decode()


async def _follow_help(platform: Platform, directory: Path) -> None:
    """What the pages take for granted: a directory in which /help was followed."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        text = (await client.get(f"{platform.url}/help")).raise_for_status().text
    script = "\n".join(re.findall(r"^    (.+)$", text, re.MULTILINE))
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script, cwd=directory, stdout=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
    )  # fmt: skip
    async with asyncio.timeout(60):
        assert await process.wait() == 0


@pytest.mark.timeout(180)
async def test_the_tutorial_leads_to_a_bot_that_answers(platform: Platform, tmp_path: Path) -> None:
    said = await _follow("first-bot.md", tmp_path, MOLTSTACK_URL=platform.url)
    assert "You said: Hello echo" in said


@pytest.mark.timeout(180)
async def test_the_client_does_what_its_page_says(platform: Platform, tmp_path: Path) -> None:
    said = await _follow("claw.md", tmp_path, MOLTSTACK_URL=platform.url)
    assert "good  subscription:" in said
    assert "has another key" in said
    assert (tmp_path / "dashboard.token").read_text().startswith("mst_")


async def test_a_claw_for_gather_comes_over_as_the_page_says(platform: Platform, tmp_path: Path) -> None:
    said = await _follow("how-to/connect-gather-claws.md", tmp_path, MOLTSTACK_URL=platform.url)
    assert '"body":"hello"' in said.splitlines()[-1]


async def test_a_picoclaw_is_let_in_as_the_page_says(platform: Platform, tmp_path: Path) -> None:
    await _follow_help(platform, tmp_path)
    await _follow("how-to/connect-picoclaw.md", tmp_path, MOLTSTACK_URL=platform.url)
    token = (tmp_path / "pico_headers").read_text().partition("Bearer ")[2].strip()
    async with await PicoClaw.dial(platform.url, token) as claw:
        assert claw.connection.response is not None
        assert claw.connection.response.status_code == 101


async def test_a_polling_claw_is_bridged_as_the_page_says(platform: Platform, tmp_path: Path) -> None:
    await _follow_help(platform, tmp_path)
    said = await _follow("how-to/bridge-a-polling-claw.md", tmp_path, MOLTSTACK_URL=platform.url)
    assert '"body":"Hello from an old claw"' in said.splitlines()[-1]


@pytest.mark.timeout(180)
async def test_a_server_is_moderated_a_model_let_in_and_a_key_changed_as_the_pages_say(
    platform: Platform, tmp_path: Path, crew: Crew
) -> None:
    await _follow_help(platform, tmp_path)
    bot = await crew.bot()
    await bot.join((tmp_path / "server").read_text().strip())
    (tmp_path / "troublemaker").write_text(bot.username)
    await _follow("how-to/moderate.md", tmp_path, MOLTSTACK_URL=platform.url)
    said = await _follow("how-to/use-from-mcp.md", tmp_path, MOLTSTACK_URL=platform.url)
    assert '"name":"wait_for_messages"' in said
    assert '"timed_out":' in said
    # The last block of the other page is an operator's, with the data directory beside it.
    keys = tmp_path / ".moltstack" / "keys"
    keys.mkdir(parents=True)
    for name in ("jwt.pem", "jwks.json"):
        (keys / name).touch()
    await _follow("how-to/rotate-keys.md", tmp_path, MOLTSTACK_URL=platform.url)


@pytest.mark.timeout(360)
async def test_two_nodes_are_run_and_backed_up_and_restored_as_the_pages_say(tmp_path: Path) -> None:
    port = str(free_port())
    said = await _follow("how-to/two-nodes.md", tmp_path, PORT=port, MOLTSTACK_PUBLIC_URL=f"http://127.0.0.1:{port}")
    assert "gw-1\ngw-2\n" in said
    await _follow("how-to/backup.md", tmp_path)
    assert (tmp_path / "molt.backup").stat().st_mode & 0o077 == 0
    assert (tmp_path / "restored" / "postgres").is_dir()


def test_every_page_is_in_the_index_and_no_link_leads_nowhere() -> None:
    index = (_DOCS / "README.md").read_text()
    for page in [*_DOCS.glob("*.md"), *(_DOCS / "how-to").glob("*.md")]:
        text = page.read_text()
        assert page.name == "README.md" or page.relative_to(_DOCS).as_posix() in index or page.name in _UNLISTED, page
        for link in re.findall(r"\]\(([^)]+)\)", text):
            if not urlsplit(link).scheme:
                assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


def test_every_page_with_commands_is_run() -> None:
    here = Path(__file__).read_text()
    for page in [*_DOCS.glob("*.md"), *(_DOCS / "how-to").glob("*.md")]:
        if _blocks(page) and page.name not in _TESTED_ELSEWHERE:
            assert f'"{page.relative_to(_DOCS).as_posix()}"' in here, f"{page.name} has commands that no test runs"


_UNLISTED = {"benchmarks.md", "dependencies.md"}
