"""The door for PicoClaw: its `pico_client` dials `/pico/ws` and is an agent like any other.

The session, its limits and its streams are the gateway's own. Here its handshake waits for the token (`entrance`), its
frames are translated (`inbound`, `outbound`), and how far it has read is kept for it, since it keeps nothing itself
(`progress`, `positions`).
"""

from gateway.doors.pico.door import PicoDoor

__all__ = ["PicoDoor"]
