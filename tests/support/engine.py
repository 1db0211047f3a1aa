"""A container engine with a base image of our own: nothing can be pulled here, so Debian is laid out by debootstrap."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_LONG = 600
_SUITE = "bookworm"
_PACKAGES = ("python3", "python3-venv", "nginx-light")
# What the images of the stores bring: their users, and the directory of the data.
_PREPARE = """
useradd --system --user-group --uid 999 postgres
useradd --system --user-group --uid 998 valkey
install --directory --owner=postgres --group=postgres /var/lib/postgresql
apt-get clean
"""


class NoEngineError(Exception):
    """No container can be run here; the text says why."""


def output_of(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a command prints that is to succeed."""
    done = subprocess.run(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=_LONG, cwd=cwd, env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}"
    return done.stdout


def compose_command() -> list[str]:
    """Compose 2 or docker-compose 1. Raises NoEngineError where neither is there, or no engine answers."""
    if shutil.which("docker") is None:
        raise NoEngineError("docker is not installed")
    if not _succeeds("docker", "info"):
        raise NoEngineError("no container engine answers `docker info`")
    if output_of("docker", "info", "--format", "{{.Driver}}").strip() == "vfs":
        raise NoEngineError("the engine copies every layer as a whole (storage driver vfs)")
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is not None and _succeeds(*command, "version"):
            return command
    raise NoEngineError("neither `docker compose` nor `docker-compose` is installed")


def base_image(workshop: Path) -> str:
    """A Debian with Python and nginx; made in `workshop` where the engine has none yet. Raises NoEngineError."""
    recipe = hashlib.sha256(repr((_SUITE, _PACKAGES, _PREPARE)).encode()).hexdigest()[:12]
    name = f"moltstack-test-base:{recipe}"
    if _succeeds("docker", "image", "inspect", name):
        return name
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise NoEngineError("the base image wants root and debootstrap")
    tree = workshop / "base"
    try:
        output_of("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, tree)
        output_of("chroot", tree, "sh", "-ec", _PREPARE)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        # The archive of Debian is not ours to answer for.
        raise NoEngineError(f"debootstrap failed: {str(error)[-300:]}") from error
    with subprocess.Popen(["tar", "--create", f"--directory={tree}", "."], stdout=subprocess.PIPE) as packed:
        done = subprocess.run(
            ["docker", "import", "-", name],
            stdin=packed.stdout,
            capture_output=True,
            text=True,
            timeout=_LONG,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    shutil.rmtree(tree)
    return name


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
