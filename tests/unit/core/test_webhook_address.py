"""Where a webhook may go, and where not: judged by the address behind the name."""

import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from core.webhook_address import WebhookAddressError, WebhookAddresses

_OPEN = "93.184.216.34"


@pytest_asyncio.fixture
async def addresses() -> AsyncIterator[WebhookAddresses]:
    addresses = WebhookAddresses(())
    yield addresses
    addresses.close()


@pytest.mark.parametrize(
    ("url", "host", "port", "address"),
    [
        (f"https://{_OPEN}/hook?x=1", _OPEN, 443, _OPEN),
        (f"https://{_OPEN}:8443", _OPEN, 8443, _OPEN),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443, "2606:4700::1111"),
    ],
)
async def test_an_address_of_the_open_internet_is_pinned(
    addresses: WebhookAddresses, url: str, host: str, port: int, address: str
) -> None:
    pinned = await addresses.pin(url)
    assert (pinned.url, pinned.host, pinned.port, str(pinned.address)) == (url, host, port, address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0", "localhost", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.1", "255.255.255.255",
        "224.0.0.1", "198.18.0.1", "240.0.0.1", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
        "[fec0::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:db8::1]",
    ],
)  # fmt: skip
async def test_an_address_that_is_not_open_is_refused_however_it_is_written(
    addresses: WebhookAddresses, host: str
) -> None:
    with pytest.raises(WebhookAddressError):
        await addresses.pin(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "", "hook", f"//{_OPEN}", f"http://{_OPEN}/", f"ftp://{_OPEN}/", "file:///etc/passwd", "https://", "https:///x",
        f"https://{_OPEN}:0/", f"https://{_OPEN}:70000/", f"https://{_OPEN}:x/", f"https://user:pw@{_OPEN}/",
        f"https://user@{_OPEN}/", f"https://{_OPEN}/#x", f"https://{_OPEN}/a b", f"https://{_OPEN}\\@127.0.0.1/",
        f"https://{_OPEN}/\n", f"https://{_OPEN}/ü", "https://[::1", "https://no-such-host.invalid/",
        f"https://{'x' * 300}/", "https://a..b/", "https://.../",
    ],
)  # fmt: skip
async def test_what_is_no_plain_https_url_is_refused(addresses: WebhookAddresses, url: str) -> None:
    with pytest.raises(WebhookAddressError) as refusal:
        await addresses.pin(url)
    assert str(refusal.value).endswith(".")


async def test_networks_that_the_operator_named_are_allowed_over_http_too() -> None:
    addresses = WebhookAddresses((ipaddress.ip_network("127.0.0.0/8"),))
    for scheme, port in (("http", 80), ("https", 443)):
        pinned = await addresses.pin(f"{scheme}://127.0.0.1/")
        assert (pinned.port, str(pinned.address)) == (port, "127.0.0.1")
    for url in ("https://10.0.0.1/", f"http://{_OPEN}/"):
        with pytest.raises(WebhookAddressError):
            await addresses.pin(url)
    addresses.close()


async def test_a_name_with_one_closed_address_among_open_ones_is_refused(
    addresses: WebhookAddresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [_OPEN]

    def look_up(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert str((await addresses.pin("https://hooks.example/")).address) == _OPEN
    answers.append("10.0.0.1")
    with pytest.raises(WebhookAddressError):
        await addresses.pin("https://hooks.example/")
