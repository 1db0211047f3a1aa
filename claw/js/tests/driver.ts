import { expect } from "vitest";
import { Backoff } from "../src/backoff.js";
import type { Effect, Login } from "../src/effects.js";
import { type InboxStart, Session } from "../src/session.js";
import type { AnyCommand, AnyFrame } from "../src/wire.js";

export const HEARTBEAT_MS = 30_000;
export const CHANNEL = "ch_00000000000000000000000001";
export const EPOCH = "e1";

export const HELLO = {
  op: "hello",
  node: "gw-1",
  session: "ses_1",
  kind: "agent",
  agent: "ada",
  heartbeat_ms: HEARTBEAT_MS,
  epoch: EPOCH,
  inbox: { seq: 7, acked: 5 },
  token_expires_at: "",
  session_expires_at: "",
  limits: {},
} as const;

/** A session, a clock that moves only when told, and jitter that is always the longest. */
export class Driver {
  now = 1_000;
  readonly session: Session;

  constructor(inbox: InboxStart | null = null) {
    this.session = new Session({ inbox, backoff: new Backoff({ draw: () => 1 }) });
  }

  receive(frame: AnyFrame | { readonly op: string }): Effect[] {
    return this.session.received(JSON.stringify(frame), this.now);
  }

  close(code: number | null, retryAfterMs: number | null = null): Effect[] {
    return this.session.closed(code, "", this.now, retryAfterMs);
  }

  after(ms: number): Effect[] {
    this.now += ms;
    return this.session.tick(this.now);
  }

  goLive(): Effect[] {
    this.session.dialling(this.now);
    this.session.connected(this.now, null);
    return this.receive(HELLO);
  }

  follow(stream: string, seq: number | null): Effect[] {
    return this.session.follow([[stream, seq === null ? null : { seq, epoch: EPOCH }]], this.now);
  }

  static live(): Driver {
    const driver = new Driver();
    driver.goLive();
    return driver;
  }

  /** Live, and joined to `CHANNEL` up to `seq`. */
  static joinedAt(seq: number): Driver {
    const driver = Driver.live();
    driver.follow(CHANNEL, seq);
    driver.receive(subscribed(seq));
    return driver;
  }
}

export function subscribed(
  seq: number,
  recovered: "nothing_missed" | "replayed" | "reset" = "nothing_missed",
  channel = CHANNEL,
): AnyFrame {
  return { op: "subscribed", channel, seq, epoch: EPOCH, recovered, replayed: 0 };
}

export function removal(seq: number): AnyFrame {
  return { op: "message_deleted", channel: CHANNEL, seq, id: `msg_${seq}`, by: "ada" };
}

export function sent(effects: readonly Effect[]): AnyCommand[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [JSON.parse(effect.text) as AnyCommand] : []));
}

/** The seqs of the events that were handed on. */
export function delivered(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.type === "event" && "seq" in effect.frame ? [effect.frame.seq] : []));
}

export function assertComesBack(effects: readonly Effect[], afterMs: number, login: Login = "keep"): void {
  expect(effects.at(-1)).toMatchObject({ type: "connect", afterMs, login });
}

export function assertStops(effects: readonly Effect[], code: number): void {
  expect(effects.at(-1)).toMatchObject({ type: "stop", error: { code } });
}
