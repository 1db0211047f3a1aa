"""One call to an endpoint that behaves in any way at all: always an outcome, in bounded time, at the judged address."""

import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.wakes.sender import Outcome, WebhookSender, tls_context
from core.webhook_address import WebhookAddresses
from tests.support.webhooks import Receiver, running_receiver

_HOME = ipaddress.ip_network("127.0.0.0/8")
_TIMEOUT_S = 2.0


@pytest.fixture
def addresses() -> Iterator[WebhookAddresses]:
    addresses = WebhookAddresses([_HOME])
    yield addresses
    addresses.close()


@pytest.fixture
def sender(addresses: WebhookAddresses) -> WebhookSender:
    return WebhookSender(addresses, tls_context(), timeout_s=_TIMEOUT_S)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as receiver:
        yield receiver


async def _sent(sender: WebhookSender, receiver: Receiver, path: str) -> Outcome:
    return await sender.send(receiver.url(path), {"X-Own": "header"}, b"{}")


async def test_a_status_is_an_outcome_and_retry_after_comes_with_it(sender: WebhookSender, receiver: Receiver) -> None:
    path = receiver.path("204,200,503+7,410,302")
    found = [await _sent(sender, receiver, path) for _ in range(5)]
    assert [each.status for each in found] == [204, 200, 503, 410, 302]
    assert [each.is_success for each in found] == [True, True, False, False, False]
    assert [each.retry_after_s for each in found] == [None, None, 7, None, None]
    arrival = (await receiver.until(path, 5))[0]
    assert (arrival.headers["x-own"], arrival.headers["host"], arrival.body) == (
        "header",
        f"127.0.0.1:{receiver.port}",
        b"{}",
    )


@pytest.mark.parametrize("answer", ["hang", "close", "garbage", "heads", "trickle", "upgrade"])
async def test_what_is_no_answer_is_a_problem_in_bounded_time(
    sender: WebhookSender, receiver: Receiver, answer: str
) -> None:
    started = time.monotonic()
    outcome = await _sent(sender, receiver, receiver.path(answer))
    assert outcome.status is None
    assert outcome.problem
    assert time.monotonic() - started < _TIMEOUT_S + 20


@pytest.mark.parametrize("answer", ["lie", "flood"])
async def test_a_body_that_lies_or_has_no_end_is_not_read(
    sender: WebhookSender, receiver: Receiver, answer: str
) -> None:
    assert await _sent(sender, receiver, receiver.path(answer)) == Outcome(200)


async def test_an_interim_answer_is_none(sender: WebhookSender, receiver: Receiver) -> None:
    assert await _sent(sender, receiver, receiver.path("interim")) == Outcome(204)


async def test_a_redirect_is_not_followed(sender: WebhookSender, receiver: Receiver) -> None:
    assert (await _sent(sender, receiver, receiver.path("redirect"))).status == 302
    # Whatever followed it would have arrived before this one.
    path = receiver.path()
    await _sent(sender, receiver, path)
    await receiver.until(path, 1)
    assert receiver.at("/204/redirected") == []


async def test_nobody_listens(sender: WebhookSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = await sender.send(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert (outcome.status, outcome.problem is None) == (None, False)


async def test_a_proxy_of_the_environment_is_not_asked(
    sender: WebhookSender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await _sent(sender, receiver, receiver.path())).status == 204


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Have names resolve to these addresses, one after the other; the names that were asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *rest, **named)
        asked.append(str(host))
        address = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


async def test_a_name_that_means_another_machine_a_moment_later_leads_to_the_first(
    sender: WebhookSender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _answering(monkeypatch, "127.0.0.1", "192.0.2.1")
    path = receiver.path()
    outcome = await sender.send(f"http://hook.example:{receiver.port}{path}", {}, b"{}")
    assert (outcome.status, asked) == (204, ["hook.example"])
    (arrival,) = await receiver.until(path, 1)
    assert arrival.headers["host"] == f"hook.example:{receiver.port}"


async def test_a_name_that_was_open_when_it_was_set_is_judged_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = WebhookAddresses(())
    sender = WebhookSender(addresses, tls_context(), timeout_s=_TIMEOUT_S)
    _answering(monkeypatch, "93.184.216.34", "127.0.0.1")
    url = f"https://hook.example:{receiver.port}{receiver.path()}"
    await addresses.pin(url)
    outcome = await sender.send(url, {}, b"{}")
    assert (outcome.status, outcome.problem) == (None, "The URL leads to an address that is not on the open internet.")
    assert receiver._arrivals == []
    addresses.close()


@dataclass(frozen=True)
class Authority:
    """A certificate authority that nobody knows but the test."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def found(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        plain = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return cls(key, plain.sign(key, hashes.SHA256()))

    def issue(self, host: str, file: Path) -> str:
        """A file with a certificate for `host`, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        plain = _builder(name, self.certificate.subject, key)
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        issued = plain.add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        file.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + issued.public_bytes(pem)
        )
        return str(file)

    def trusted(self) -> ssl.SSLContext:
        context = tls_context()
        context.load_verify_locations(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())
        return context


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


async def test_tls_is_verified_against_the_name_though_the_call_goes_to_the_address(
    addresses: WebhookAddresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.found()
    _answering(monkeypatch, "127.0.0.1")
    async with running_receiver(authority.issue("right.example", tmp_path / "certificate.pem")) as receiver:

        async def status(host: str, context: ssl.SSLContext) -> Outcome:
            sender = WebhookSender(addresses, context, timeout_s=20)
            return await sender.send(f"https://{host}:{receiver.port}{receiver.path()}", {}, b"{}")

        assert await status("right.example", authority.trusted()) == Outcome(204)
        refused = Outcome(problem="Its certificate does not hold for this name.")
        assert await status("wrong.example", authority.trusted()) == refused
        assert await status("right.example", tls_context()) == refused
        assert await status("127.0.0.1", authority.trusted()) == refused
