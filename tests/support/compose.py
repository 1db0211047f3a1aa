"""docker-compose.yml of this checkout, running: built without an index, on a base of our own, with its own secrets."""

import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.markers import Marker

from tests.support.engine import NoEngineError, base_image, compose_command, output_of

_ROOT = Path(__file__).parents[2]
_OVERRIDE = _ROOT / "tests" / "e2e" / "compose"
_CONTEXT = (
    "api", "claw", "core", "db", "gateway", "stack", "observer-ui", "deploy",
    ".dockerignore", "LICENSE", "README.md", "docker-compose.yml", "pyproject.toml", "requirements.txt",
)  # fmt: skip
# Not the subnet of .env.example, so that one platform on this machine may go on running; the engine's own address in
# it is what every connection to a published port comes from, and stands for a proxy that the operator trusts.
_SUBNET, _NGINX, OUTER_PROXY = "172.30.79.0/24", "172.30.79.10", "172.30.79.1"


class Composed:
    """A running platform. `url` is where nginx listens."""

    def __init__(self, command: list[str], project: Path, url: str, env: dict[str, str]) -> None:
        self.url = url
        self._name = f"molt{secrets.token_hex(4)}"
        self._command = [*command, "-p", self._name, "-f", "docker-compose.yml", "-f", "override.yml"]
        self._project = project
        self._env = env

    def run(self, *arguments: str) -> str:
        """A command of Compose's that is to succeed; what it printed."""
        return output_of(*self._command, *arguments, cwd=self._project, env=self._env)

    def containers(self) -> dict[str, str]:
        """The containers by service, those that ended too."""
        label = "com.docker.compose"
        listed = output_of(
            "docker", "ps", "--all", "--filter", f"label={label}.project={self._name}",
            "--format", f'{{{{.Label "{label}.service"}}}} {{{{.ID}}}}',
        )  # fmt: skip
        return dict(line.split() for line in listed.splitlines())

    def inspect(self, service: str, template: str) -> str:
        """A property of a service's container, by a template of the engine's."""
        return output_of("docker", "inspect", "--format", template, self.containers()[service]).strip()


@contextmanager
def running_compose(workshop: Path) -> Iterator[Composed]:
    """Build, start, and at the end stop and remove everything. Raises NoEngineError where that cannot be."""
    command = compose_command()
    base = base_image(workshop)
    project = workshop / "project"
    _lay_out(project)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    moltstack = (sys.executable, "-m", "stack.cli")
    output_of(*moltstack, "init", "--public-url", f"http://{listen}", "--listen", listen, "--file", project / ".env")
    env = {
        "TEST_BASE": base, "MOLTSTACK_IMAGE": "moltstack-test:local", "MOLTSTACK_TRUSTED_PROXIES": OUTER_PROXY,
        "EDGE_SUBNET": _SUBNET, "EDGE_NGINX": _NGINX, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "1",
    }  # fmt: skip
    composed = Composed(command, project, f"http://{listen}", env)
    try:
        composed.run("config", "--quiet")
        composed.run("build")
        try:
            composed.run("up", "--detach")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{composed.run('logs', '--no-color')[-6000:]}") from None
        yield composed
    finally:
        composed.run("down", "--volumes", "--timeout", "30")


def _lay_out(project: Path) -> None:
    """The build's context: what is committed or about to be, with what a container could not fetch."""
    listed = output_of("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *_CONTEXT, cwd=_ROOT)
    for name in listed.splitlines():
        if (_ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(_ROOT / name, project / name)
    shutil.copytree(_ROOT / "observer-ui" / "dist", project / "observer-ui" / "dist")
    with (project / ".dockerignore").open("a") as ignored:
        ignored.write("!observer-ui/dist\n")
    shutil.copytree(_OVERRIDE, project / "start")
    shutil.copy(_OVERRIDE / "override.yml", project)
    _bring_wheels(project)


def _for_the_base(entry: str) -> str:
    """An entry of the lock without its marker, nothing where it is not for the base."""
    found = re.search(r" ; ([^\\\n]*)(?=\\\n)", entry)
    if found is None:
        return entry
    python = {"python_version": "3.11", "python_full_version": "3.11.2"}
    wanted = Marker(found[1].strip()).evaluate({**python, "implementation_name": "cpython"})
    return entry.replace(found[0], " ") if wanted else ""


def _bring_wheels(project: Path) -> None:
    # pip would judge the markers by the Python that runs it: the base's is an older 3.11.
    entries = re.split(r"^(?=[a-z])", (_ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    (project / "wheels.txt").write_text("".join(filter(None, map(_for_the_base, entries))))
    try:
        output_of(
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
            "--no-deps", "--only-binary=:all:", "--python-version=3.11", "--require-hashes",
            "--requirement", project / "wheels.txt", "--dest", project / "deploy" / "wheels",
        )  # fmt: skip
    except (AssertionError, subprocess.TimeoutExpired) as error:
        raise NoEngineError(f"the wheels cannot be fetched: {str(error)[-300:]}") from error
