import { expect } from "vitest";
import type { Effect } from "../../src/live/effects";
import { type Input, Session } from "../../src/live/session";
import type { ClientFrame, ServerFrame } from "../../src/wire/frames";

export const HEARTBEAT_MS = 30_000;
export const CHANNEL = "ch_00000000000000000000000001";
export const EPOCH = "e1";

const HELLO: ServerFrame = { op: "hello", heartbeat_ms: HEARTBEAT_MS };

/** A session, a clock that moves only when told, and jitter that is always the longest. */
export class Driver {
  now = 1_000;
  readonly session = new Session(() => 1);

  feed(input: Input): Effect[] {
    return this.session.receive(input, this.now);
  }

  receive(frame: ServerFrame): Effect[] {
    return this.feed({ type: "frame", frame });
  }

  close(code: number): Effect[] {
    return this.feed({ type: "closed", code });
  }

  after(ms: number): Effect[] {
    this.now += ms;
    return this.feed({ type: "wake" });
  }

  /** From rest, or from a fetch of a token, to `live`. */
  goLive(token = "t1"): Effect[] {
    return [...this.feed({ type: "start" }), ...this.comeLive(token)];
  }

  comeLive(token = "t1"): Effect[] {
    return [...this.feed({ type: "token", token }), ...this.feed({ type: "opened" }), ...this.receive(HELLO)];
  }

  followAt(seq: number): Effect[] {
    return this.feed({ type: "follow", stream: CHANNEL, position: { seq, epoch: EPOCH } });
  }

  /** Live, and joined to `CHANNEL` up to `seq`. */
  static joinedAt(seq: number): Driver {
    const driver = new Driver();
    driver.goLive();
    driver.followAt(seq);
    driver.receive(subscribed(seq));
    return driver;
  }
}

export function subscribed(
  seq: number,
  recovered: "nothing_missed" | "replayed" | "reset" = "nothing_missed",
): ServerFrame {
  return { op: "subscribed", channel: CHANNEL, seq, epoch: EPOCH, recovered };
}

export function removal(seq: number): ServerFrame {
  return { op: "message_deleted", channel: CHANNEL, seq, id: `msg_${String(seq)}` };
}

export function sent(effects: readonly Effect[]): ClientFrame[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [effect.frame] : []));
}

/** The seqs of the events that were handed on. */
export function delivered(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.type === "event" && "seq" in effect.frame ? [effect.frame.seq] : []));
}

export function assertComingBackAfter(driver: Driver, ms: number): void {
  expect(driver.session.wakeAt).toBe(driver.now + ms);
  expect(driver.after(ms - 1)).toEqual([]);
  expect(driver.after(1)).toContainEqual(expect.objectContaining({ type: "fetch_token" }));
}

export function assertStopped(driver: Driver, effects: readonly Effect[], code: number): void {
  expect(effects).toEqual([{ type: "status", status: { state: "lost", final: true, code } }]);
  expect(driver.session.wakeAt).toBeNull();
}
