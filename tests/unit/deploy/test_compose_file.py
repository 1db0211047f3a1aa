"""What docker-compose.yml promises, held without an engine."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from claw.wire.limits import BODY_MAX_BYTES
from core.settings import Settings

_ROOT = Path(__file__).parents[3]
_TEXT = (_ROOT / "docker-compose.yml").read_text()
_COMPOSE: dict[str, Any] = yaml.safe_load(_TEXT)
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = ("migrate", "api", "gateway-1", "gateway-2", "worker")
_FILLED_IN = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
_EXAMPLE = dict(
    line.split("=", 1) for line in (_ROOT / ".env.example").read_text().splitlines() if line and line[0] != "#"
)
_NGINX = (_ROOT / "deploy" / "nginx" / "nginx.conf").read_text()


def filled_in(environment: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The environment as Compose makes it of a .env with these values."""

    def value(match: re.Match[str]) -> str:
        default = match["rest"].removeprefix(":-") if match["rest"].startswith(":-") else ""
        return values.get(match["name"]) or default

    return {name: _FILLED_IN.sub(value, text) for name, text in environment.items()}


def mounts(service: str) -> dict[str, str]:
    """Where a service has which volume."""
    return {each.split(":")[0]: each.split(":", 1)[1] for each in _SERVICES[service].get("volumes", [])}


@pytest.mark.parametrize("service", _OURS)
def test_every_variable_of_ours_is_a_setting_that_its_process_takes(service: str) -> None:
    known = {line for line in Settings().describe().splitlines() if line.startswith("MOLTSTACK_")}
    environment = _SERVICES[service]["environment"]
    assert set(environment) <= known
    values = {**_EXAMPLE, "POSTGRES_PASSWORD": "p-1_", "VALKEY_PASSWORD": "v-1_", "MOLTSTACK_METRICS_TOKEN": "m"}
    settings = Settings.from_env(filled_in(environment, values))
    assert settings.database_url is not None
    # The owner's password is the migration's alone.
    assert ("POSTGRES_PASSWORD" in str(environment)) == (service == "migrate")


def test_no_secret_has_a_default_and_every_other_variable_stands_in_the_example() -> None:
    secrets = {name for name, value in _EXAMPLE.items() if re.search("PASSWORD|TOKEN", name)}
    assert len(secrets) == 3
    used = {(match["name"], match["rest"]) for match in _FILLED_IN.finditer(_TEXT)}
    assert {name for name, _ in used} == {*_EXAMPLE, "MOLTSTACK_IMAGE"}
    for name, rest in used:
        if name in secrets:
            assert rest.startswith(":?"), name
            assert _EXAMPLE[name] == ""
        elif rest.startswith(":-") and name in _EXAMPLE:
            assert rest == f":-{_EXAMPLE[name]}", name


@pytest.mark.parametrize("service", _SERVICES)
def test_every_service_is_watched_restarted_and_can_do_little(service: str) -> None:
    it = _SERVICES[service]
    if service == "migrate":  # It ends.
        assert (it["restart"], it["healthcheck"]) == ("no", {"disable": True})
    else:
        assert it["restart"] == "unless-stopped"
        assert it["healthcheck"]["test"]
    assert it["read_only"] is True
    assert it["cap_drop"] == ["ALL"]
    assert it["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode"} & set(it)
    # Ours have their user from the image.
    assert service in _OURS or it["user"] not in ("root", "0", "0:0")
    assert "docker.sock" not in str(it)
    assert ("ports" in it) == (service == "nginx")


def test_our_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (.+)$", (_ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["10001:10001"]


@pytest.mark.parametrize("service", _OURS)
def test_a_stop_waits_longer_than_the_longest_drain(service: str) -> None:
    longest = Settings.from_env({"MOLTSTACK_DRAIN_SECONDS": "15"}).drain_seconds
    assert float(_SERVICES[service]["stop_grace_period"].removesuffix("s")) >= longest + 10


def test_each_process_mounts_its_own_keys_alone_and_cannot_change_them() -> None:
    assert mounts("api") == {"api-keys": "/keys:ro"}
    assert mounts("gateway-1") == mounts("gateway-2") == {"gateway-keys": "/keys:ro"}
    assert mounts("worker") == {"worker-keys": "/keys:ro"}
    assert [service for service in _SERVICES if "keys" in mounts(service)] == ["migrate"]


def test_only_the_servers_reach_the_stores() -> None:
    assert _COMPOSE["networks"]["stores"]["internal"] is True
    reached = {service for service, it in _SERVICES.items() if "stores" in it["networks"]}
    assert reached == {*_OURS, "postgres", "valkey"}


def test_the_servers_wait_for_the_migration_and_nginx_for_the_servers() -> None:
    for service in ("api", "gateway-1", "gateway-2", "worker"):
        assert _SERVICES[service]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert set(_SERVICES["nginx"]["depends_on"]) == {"api", "gateway-1", "gateway-2"}


def test_the_servers_believe_nginx_and_not_its_whole_network() -> None:
    address = _SERVICES["nginx"]["networks"]["edge"]["ipv4_address"]
    for service in ("api", "gateway-1", "gateway-2"):
        trusted = _SERVICES[service]["environment"]["MOLTSTACK_TRUSTED_PROXIES"]
        assert trusted == address + ",${MOLTSTACK_TRUSTED_PROXIES:-}"


def test_nginx_logs_no_query_and_lets_the_servers_refuse_a_long_body_themselves() -> None:
    log_format = _NGINX[_NGINX.index("log_format") :].split(";")[0]
    names = set(re.findall(r"\$(\w+)", log_format))
    assert not names & {"request", "request_uri", "args", "query_string", "http_referer", "http_authorization"}
    in_requests = _NGINX[_NGINX.index("http {") :]
    assert re.findall(r"error_log \S+ (\w+);", in_requests) == ["emerg"]
    limit = re.search(r"client_max_body_size (\d+)k;", _NGINX)
    assert limit is not None
    assert int(limit[1]) * 1024 > BODY_MAX_BYTES


def test_nginx_sets_its_headers_in_one_place() -> None:
    # A location with a header of its own would silently lose X-Forwarded-For.
    for directive in ("proxy_set_header", "add_header"):
        depths = {len(line) - len(line.lstrip()) for line in _NGINX.splitlines() if line.lstrip().startswith(directive)}
        assert len(depths) == 1
