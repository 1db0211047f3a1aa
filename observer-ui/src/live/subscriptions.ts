import type { Position } from "../wire/objects";
import {
  SERVER_OPS,
  type ErrorFrame,
  type ServerEvent,
  type ServerFrame,
  type StreamEvent,
  type Subscribed,
  type SubscribeTo,
} from "../wire/frames";
import type { Effect } from "./effects";

interface Subscription {
  /** The last event handed on, or null while the stream is to be joined at its head. */
  position: Position | null;
  /** The server has confirmed; from here on a jump in `seq` is a gap. */
  joined: boolean;
  retryAt: number | null;
}

const TRANSIENT = new Set(["rate_limited", "unavailable", "internal"]);
const RETRY_AFTER_S = 5;
const SUBSCRIBE = "sub:";
const UNSUBSCRIBE = "unsub:";

/**
 * The streams that this page follows, and how far. It outlives connections: after each `hello` everything is asked
 * for again from its position, so nothing is missed.
 *
 * Every event of a stream is handed on once and in order. A repeated one is dropped; a gap, which the protocol rules
 * out, is healed by subscribing anew from the last good position.
 */
export class Subscriptions {
  readonly #streams = new Map<string, Subscription>();
  /** Streams with an unsubscribe under way, by number. What still arrives for them belongs to their former life. */
  readonly #leaving = new Map<string, number>();
  #online = false;

  get retryAt(): number | null {
    const times = [...this.#streams.values()].flatMap(({ retryAt }) => retryAt ?? []);
    return times.length === 0 ? null : Math.min(...times);
  }

  follow(stream: string, position: Position | null): Effect[] {
    this.#streams.set(stream, { position, joined: false, retryAt: null });
    return this.#ask([stream]);
  }

  unfollow(stream: string): Effect[] {
    if (!this.#streams.delete(stream) || !this.#online) return [];
    this.#leaving.set(stream, (this.#leaving.get(stream) ?? 0) + 1);
    return [{ type: "send", frame: { op: "unsubscribe", channels: [stream], ref: UNSUBSCRIBE + stream } }];
  }

  connected(): Effect[] {
    this.#online = true;
    return this.#ask([...this.#streams.keys()]);
  }

  disconnected(): void {
    this.#online = false;
    this.#leaving.clear();
    for (const subscription of this.#streams.values()) {
      subscription.joined = false;
      subscription.retryAt = null;
    }
  }

  wake(now: number): Effect[] {
    const due = [...this.#streams].filter(([, { retryAt }]) => retryAt !== null && retryAt <= now);
    return this.#ask(due.map(([stream]) => stream));
  }

  receive(frame: ServerFrame, now: number): Effect[] {
    if ("ref" in frame && frame.ref?.startsWith(UNSUBSCRIBE)) {
      this.#left(frame.ref.slice(UNSUBSCRIBE.length));
      return [];
    }
    const stream = streamOf(frame);
    if (stream === null) return [];
    if (this.#leaving.has(stream)) {
      if (frame.op === "unsubscribed" && frame.reason === "asked") this.#left(stream);
      return [];
    }
    const subscription = this.#streams.get(stream);
    if (subscription === undefined) return [];
    switch (frame.op) {
      case "subscribed":
        return confirm(stream, subscription, frame);
      case "unsubscribed":
        return this.#end(stream, frame.reason);
      case "error":
        return this.#refused(stream, subscription, frame, now);
      case "presence":
      case "typing":
        return subscription.joined ? [{ type: "event", stream, frame }] : [];
      default:
        return "seq" in frame ? this.#event(stream, subscription, frame) : [];
    }
  }

  #event(stream: string, subscription: Subscription, frame: StreamEvent): Effect[] {
    const { position } = subscription;
    if (position === null || frame.seq <= position.seq) return [];
    if (frame.seq > position.seq + 1) return subscription.joined ? this.#ask([stream]) : [];
    subscription.position = { ...position, seq: frame.seq };
    return [{ type: "event", stream, frame }];
  }

  #refused(stream: string, subscription: Subscription, frame: ErrorFrame, now: number): Effect[] {
    if (!TRANSIENT.has(frame.code)) return this.#end(stream, frame.code);
    subscription.retryAt = now + (frame.retry_after ?? RETRY_AFTER_S) * 1_000;
    return [];
  }

  #end(stream: string, reason: string): Effect[] {
    this.#streams.delete(stream);
    return [{ type: "ended", stream, reason }];
  }

  #left(stream: string): void {
    const rest = (this.#leaving.get(stream) ?? 0) - 1;
    if (rest > 0) this.#leaving.set(stream, rest);
    else this.#leaving.delete(stream);
  }

  /** One command per stream, so that an answer can be told by its `ref` even where it names no stream. */
  #ask(streams: readonly string[]): Effect[] {
    if (!this.#online) return [];
    return streams.map((stream) => {
      const subscription = this.#streams.get(stream);
      if (subscription !== undefined) {
        subscription.joined = false;
        subscription.retryAt = null;
      }
      const channel = whereToStart(stream, subscription?.position ?? null);
      return { type: "send", frame: { op: "subscribe", channels: [channel], ref: SUBSCRIBE + stream } };
    });
  }
}

function confirm(stream: string, subscription: Subscription, { seq, epoch, recovered }: Subscribed): Effect[] {
  const { position } = subscription;
  subscription.joined = true;
  subscription.position = { seq, epoch };
  const intact = position === null || (position.seq === seq && position.epoch === epoch);
  return recovered === "reset" || !intact ? [{ type: "reset", stream }] : [];
}

function whereToStart(stream: string, position: Position | null): SubscribeTo {
  return position === null ? stream : { id: stream, after: position.seq, epoch: position.epoch };
}

/** The stream that a frame belongs to. An event of a server may also name the channel or the member it is about. */
function streamOf(frame: ServerFrame): string | null {
  if (isServerEvent(frame)) return frame.server;
  if ("channel" in frame && typeof frame.channel === "string") return frame.channel;
  if ("server" in frame && typeof frame.server === "string") return frame.server;
  return frame.op === "error" && frame.ref?.startsWith(SUBSCRIBE) ? frame.ref.slice(SUBSCRIBE.length) : null;
}

function isServerEvent(frame: ServerFrame): frame is ServerEvent {
  return (SERVER_OPS as readonly string[]).includes(frame.op);
}
