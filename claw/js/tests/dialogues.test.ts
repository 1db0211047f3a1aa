/** The recorded dialogues from the client's side: the server's frames in, the client's acts out, and time is moved. */

import { expect, test } from "vitest";
import { Backoff } from "../src/backoff.js";
import type { Effect } from "../src/effects.js";
import { RefusedError, SessionStoppedError } from "../src/errors.js";
import { INBOX, isInboxEvent, type Position } from "../src/events.js";
import { Session } from "../src/session.js";
import type { AnyCommand } from "../src/wire.js";
import { type Bindings, filled, type Json, load, matches } from "./dialogues.js";

type Kind = Effect["type"];

/** The client's session, and what it did that the dialogue has not told yet. */
class Replayed {
  readonly #session = new Session({ inbox: "new", backoff: new Backoff({ draw: () => 0.5 }) });
  readonly #bindings: Bindings = new Map([["$agent", "ada"]]);
  /** The dialogue's refs to the client's own. */
  readonly #refs = new Map<unknown, unknown>();
  readonly #asked = new Map<unknown, readonly string[]>();
  readonly #done: Effect[] = [];
  #now = 0;

  replay(step: Json): void {
    this.#now = (step["at"] as number) * 1_000;
    if ("connect" in step) this.#take(this.#session.connected(this.#now, null));
    else if ("server" in step) this.#hear(step["server"] as Json);
    else if ("client" in step) this.#say(step["client"] as Json);
    else if ("close" in step) this.#take(this.#session.closed(step["close"] as number, "", this.#now));
    else if ("lost" in step) this.#take(this.#session.closed(null, "", this.#now));
    else if ("app" in step) this.#owe(step["app"] as Json);
    else expect(["ping", "pong", "world"].some((kind) => kind in step)).toBe(true);
  }

  assertNothingElse(): void {
    expect(this.#done).toEqual([]);
  }

  #hear(frame: Json): void {
    const whole = filled(frame, this.#bindings) as Record<string, unknown>;
    if ("ref" in whole) whole["ref"] = this.#refs.get(whole["ref"]);
    this.#take(this.#session.received(JSON.stringify(whole), this.#now));
  }

  /** The client sends this, by itself or because the application wants what it says. */
  #say(frame: Json): void {
    const { ref: named, ...expected } = frame;
    const command = filled(frame, this.#bindings) as AnyCommand;
    if (!this.#done.some(({ type }) => type === "send")) this.#take(this.#want(command));
    const { ref, ...said } = JSON.parse(this.#next("send").text) as Record<string, unknown>;
    // Which ref it is, is the client's own choice; without one it does not wait for the answer.
    this.#refs.set(named, ref ?? named);
    expect(matches(expected, said, this.#bindings), JSON.stringify([expected, said])).toBe(true);
    if (command.op === "subscribe") this.#asked.set(named, wishesOf(command).map(([stream]) => stream));
    if (command.op === "unsubscribe") this.#asked.set(named, command.channels);
  }

  #want(command: AnyCommand): Effect[] {
    if (command.op === "subscribe") return this.#session.follow(wishesOf(command), this.#now);
    if (command.op === "unsubscribe") return command.channels.flatMap((stream) => this.#session.unfollow(stream));
    return this.#session.call(command, command.op !== "ping").effects;
  }

  #owe(owed: Json): void {
    if ("event" in owed) {
      const delivered = this.#next("event", "reset", "ended", "fault", "other");
      expect(matches(owed["event"], told(delivered), this.#bindings), JSON.stringify([owed, delivered])).toBe(true);
    } else if ("settled" in owed) {
      this.#assertSettled(owed["settled"], owed["stream"], (owed["error"] as string | undefined) ?? null);
    } else if ("renews" in owed) {
      this.#next("renew_token");
      if (owed["renews"] !== null) this.#take(this.#session.renew(owed["renews"] as string).effects);
    } else if ("comes_back" in owed) {
      const { afterMs, login } = this.#next("connect");
      expect(login).toBe(owed["token"]);
      expect(afterMs === 0).toBe(owed["comes_back"] === "at_once");
      expect(afterMs).toBeGreaterThanOrEqual((owed["at_least_ms"] as number | undefined) ?? 0);
    } else {
      const { error } = this.#next("stop");
      expect(error instanceof SessionStoppedError ? error.code : error).toBe(owed["stops"]);
    }
  }

  #assertSettled(ref: unknown, stream: unknown, error: string | null): void {
    const asked = this.#asked.get(ref);
    if (asked === undefined) {
      const effect = this.#next("call_settled");
      expect(effect.ref).toBe(this.#refs.get(ref));
      expect(effect.outcome instanceof RefusedError ? effect.outcome.code : null).toBe(error);
      return;
    }
    // Leaving is not told: no frame of the stream follows, and the follower is gone.
    if (!this.#done.some(({ type }) => type === "live" || type === "ended")) {
      expect(error).toBeNull();
      return;
    }
    const effect = this.#next("live", "ended");
    expect(asked).toContain(effect.stream);
    if (stream !== undefined) expect(matches(stream, effect.stream, this.#bindings)).toBe(true);
    expect(effect.type === "ended" ? effect.reason : null).toBe(error);
  }

  #next<K extends Kind>(...kinds: K[]): Extract<Effect, { type: K }> {
    const index = this.#done.findIndex(({ type }) => (kinds as Kind[]).includes(type));
    expect(index, `recorded, but the client did nothing of the kind: ${kinds.join()}`).toBeGreaterThanOrEqual(0);
    return this.#done.splice(index, 1)[0] as Extract<Effect, { type: K }>;
  }

  #take(effects: readonly Effect[]): void {
    this.#done.push(...effects.filter((effect) => !goesWithoutSaying(effect)));
  }
}

/** Instructions that are passed on, and the inbox, which a client asks for by itself. */
function goesWithoutSaying(effect: Effect): boolean {
  if (effect.type === "event" || effect.type === "other") return effect.frame.op === "context";
  return effect.type === "opened" || (effect.type === "live" && effect.stream === INBOX);
}

function wishesOf(command: Extract<AnyCommand, { op: "subscribe" }>): (readonly [string, Position | null])[] {
  return (command.channels ?? []).map((entry) => {
    if (typeof entry === "string") return [entry, null];
    const { id, after, epoch } = entry;
    return [id, after === undefined || after === null ? null : { seq: after, epoch: epoch ?? null }];
  });
}

function told(effect: Effect): Json {
  switch (effect.type) {
    case "event": {
      const { frame } = effect;
      return frame.op === "message" || isInboxEvent(frame) ? { op: frame.op, seq: frame.seq } : { op: frame.op };
    }
    case "reset":
      return { reset: effect.stream, seq: effect.resumedAt.seq };
    case "ended":
      return { lost: effect.stream, reason: effect.reason };
    case "fault":
      return { fault: effect.error.code };
    default:
      return {};
  }
}

test.each(load())("the client does what was recorded and nothing else: $name", ({ name, steps }) => {
  const client = new Replayed();
  for (const [index, step] of steps.entries()) {
    try {
      client.replay(step);
    } catch (error) {
      throw new Error(`${name}.jsonl, line ${index + 2}: ${String(error)}`, { cause: error });
    }
  }
  client.assertNothingElse();
});
