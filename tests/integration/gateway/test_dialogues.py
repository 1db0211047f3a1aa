"""The recorded dialogues with a running platform: what the sans-I/O replays take for granted is really so."""

from typing import Any

import pytest

from tests.support.bots import Bot, Crew, Room, Socket
from tests.support.dialogues import Bindings, Dialogue, Step, filled, load, matches


class Talk:
    """A dialogue under way: who takes part, and the socket of the present connection."""

    def __init__(self, crew: Crew, room: Room, hidden: Room, guest: Bot) -> None:
        self.crew, self.room = crew, room
        self.speaker, self.agent = room.owner, room.guests[0]
        self.tokens = {"good": self.agent.token, "bad": "bad", "other": hidden.owner.token, "guest": guest.token}
        self.bindings: Bindings = {
            "$agent": self.agent.username,
            "$speaker": self.speaker.username,
            "$channel": room.channel,
            "$server": room.server,
            "$hidden": hidden.channel,
        }
        self.posts = 0
        self.frames: list[dict[str, Any]] = []
        self._socket: Socket | None = None

    @property
    def socket(self) -> Socket:
        assert self._socket is not None
        return self._socket

    async def replay(self, step: Step) -> None:
        match step:
            case {"connect": {"token": token}}:
                self._socket = await self.crew.raw_socket(None if token is None else self.tokens[token])
            case {"client": frame}:
                await self.socket.send(**self._meant(frame))
            case {"client_text": text}:
                await self.socket.connection.send(text)
            case {"client_binary": data}:
                await self.socket.connection.send(bytes.fromhex(data))
            case {"server": frame}:
                await self._expect(frame)
            case {"close": code}:
                assert await self.socket.closed() == code
            case {"world": happening}:
                await self._happen(happening)
            case {"app": _}:
                pass
            case _:
                raise AssertionError(f"not to be had with a running platform: {step}")

    async def post(self, prefix: str = "") -> None:
        self.posts += 1
        await self.speaker.post(self.room.channel, f"{prefix}message {self.posts}")

    async def assert_nothing_else(self) -> None:
        """Nothing more was said by the time that a last ping is answered."""
        if self.socket.connection.close_code is None:
            await self.socket.send(op="ping", ref="last")
            while (frame := await self.socket.receive()).get("ref") != "last":
                self._keep(frame)
        assert self.frames == []

    def _meant(self, frame: dict[str, Any]) -> dict[str, Any]:
        meant: dict[str, Any] = filled(frame, self.bindings)
        if meant.get("op") == "auth":
            meant["token"] = self.tokens[meant["token"]]
        return meant

    async def _expect(self, frame: dict[str, Any]) -> None:
        # A message and its ack come in either order, everything else as recorded.
        while True:
            for number, candidate in enumerate(self.frames):
                if candidate["op"] == frame["op"]:
                    assert matches(frame, candidate, self.bindings), (frame, candidate)
                    del self.frames[number]
                    return
                assert {candidate["op"], frame["op"]} == {"message", "message_ack"}, (frame, candidate)
            self._keep(await self.socket.receive())

    def _keep(self, frame: dict[str, Any]) -> None:
        if frame["op"] != "presence" or "online" in frame:  # The rest of it comes when it comes.
            self.frames.append(frame)

    async def _happen(self, happening: dict[str, Any]) -> None:
        match happening:
            case {"posts": count}:
                for _ in range(count):
                    await self.post()
            case {"mentions": count}:
                for _ in range(count):
                    await self.post(f"@{self.agent.username} ")
            case {"leaves": server}:
                (await self.agent.http.delete(f"/servers/{self.bindings[server]}/leave")).raise_for_status()
            case _:
                raise AssertionError(f"not to be had with a running platform: {happening}")


@pytest.mark.parametrize("dialogue", load(live=True))
async def test_a_running_platform_says_what_was_recorded(crew: Crew, dialogue: Dialogue) -> None:
    talk = Talk(crew, await crew.room(), await crew.room(guests=0, is_public=False), await crew.observer())
    for _ in range(dialogue.head.get("history", 0)):
        await talk.post()
    for number, step in enumerate(dialogue.steps, 2):
        try:
            await talk.replay(step)
        except AssertionError as error:
            raise AssertionError(f"{dialogue.name}.jsonl, line {number}: {error}") from error
    await talk.assert_nothing_else()
