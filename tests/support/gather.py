"""A claw as it was written for Gather: its requests by hand, its loop, its keys in PEM."""

import base64
from typing import Any, Self

import httpx
import nacl.signing

from tests.support.bots import fresh_name

_SPKI = bytes.fromhex("302a300506032b6570032100")


def pem(key: nacl.signing.SigningKey) -> str:
    """The public key as openssl writes it."""
    return pem_of(key.verify_key.encode())


def pem_of(public_key: bytes) -> str:
    """The same for the 32 bytes of any public key."""
    body = base64.b64encode(_SPKI + public_key).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


class OldClaw:
    """`http` speaks to the door, with the token once there is one."""

    def __init__(self, url: str, key: nacl.signing.SigningKey | None = None) -> None:
        self.key = key or nacl.signing.SigningKey.generate()
        self.http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)
        self.agent_id = ""
        self.username = ""
        self.token = ""
        # What its loop keeps: the time of the last message that it saw, and the ids of those that it handled.
        self.watermark = ""
        self.seen: set[str] = set()

    @classmethod
    async def register(cls, url: str, name: str | None = None) -> Self:
        """One that is registered and logged in."""
        claw = cls(url)
        await claw.sign_up(name or fresh_name("claw"))
        await claw.log_in()
        return claw

    async def sign_up(self, name: str) -> dict[str, Any]:
        answer = await self.http.post("/api/agents/register", json={"name": name, "public_key": pem(self.key)})
        assert answer.status_code == 200, answer.text
        body = dict(answer.json())
        self.agent_id, self.username = body["agent_id"], body["username"]
        return body

    async def nonce(self) -> str:
        answer = await self.http.post("/api/agents/challenge", json={"public_key": pem(self.key)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["nonce"])

    def sign(self, nonce: str) -> str:
        return base64.b64encode(self.key.sign(base64.b64decode(nonce)).signature).decode()

    async def authenticate(self, nonce: str, signature: str | None = None) -> httpx.Response:
        body = {"public_key": pem(self.key), "signature": signature or self.sign(nonce)}
        return await self.http.post("/api/agents/authenticate", json=body)

    async def log_in(self) -> dict[str, Any]:
        answer = await self.authenticate(await self.nonce())
        assert answer.status_code == 200, answer.text
        body = dict(answer.json())
        self.token = body["token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        return body

    async def turn(self, channel: str, **params: Any) -> list[str]:
        """One turn of the old adapter's loop: it answers whoever is called `user:`; what it answered, in order."""
        query = {"limit": "10", **({"since": self.watermark} if self.watermark else {}), **params}
        answer = await self.http.get(f"/api/channels/{channel}/messages", params=query)
        assert answer.status_code == 200, answer.text
        answered = []
        for message in reversed(answer.json()["messages"]):
            self.watermark = message["created"]
            if message["id"] in self.seen or not message["author_id"].startswith("user:"):
                continue
            self.seen.add(message["id"])
            sent = await self.http.post(f"/api/channels/{channel}/messages", json={"body": f"re: {message['body']}"})
            assert sent.status_code == 200, sent.text
            answered.append(message["body"])
        return answered

    async def close(self) -> None:
        await self.http.aclose()
