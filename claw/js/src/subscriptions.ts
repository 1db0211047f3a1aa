import { earliest } from "./calls.js";
import { encodeCommand, refusalOf } from "./codec.js";
import type { Effect } from "./effects.js";
import { FEED, INBOX, type Position, type UnknownEvent } from "./events.js";
import { type ErrorFrame, LIMITS, type StreamPosition, type Subscribe, type Subscribed, type Unsubscribed } from "./wire.js";

/** Where a wish stands on the present connection. `leaving`: it is gone, the server's word on it still to come. */
type Standing = "wanted" | "asked" | "live" | "leaving";

interface Wish {
  readonly stream: string;
  /** The last event handed on; null while the stream is to be joined at its head. */
  position: Position | null;
  standing: Standing;
  retryAt: number | null;
  /**
   * What is wanted of the same stream once it is left: frames of this subscription may still be under way, so the next
   * one begins behind the server's last word on it.
   */
  successor: Wish | null;
}

/** Where a refusal is only for now and does not say for how long. */
const RETRY_MS = 1_000;

/**
 * The streams that are wanted, how far each was handed on, and the talk with the server about them.
 *
 * A wish outlives the connection; what was asked on one connection does not. The position moves with every event that
 * is handed on, so asking for what came after it misses nothing and repeats nothing.
 */
export class Subscriptions {
  readonly #wishes = new Map<string, Wish>();
  readonly #asked = new Map<string, readonly string[]>();
  #requests = 0;
  /** Keys of unknown events, against repetition. The oldest go first. */
  readonly #unknownSeen = new Set<string>();

  get deadline(): number | null {
    return earliest([...this.#wishes.values()].map(({ retryAt }) => retryAt));
  }

  wanted(stream: string): boolean {
    return this.#wishes.has(stream);
  }

  isLive(stream: string): boolean {
    return this.#wishes.get(stream)?.standing === "live";
  }

  position(stream: string): Position | null {
    return this.#wishes.get(stream)?.position ?? null;
  }

  /** Wants a stream, from a position or from its head, in place of a former wish; `ask` sends it. */
  want(stream: string, position: Position | null, connected: boolean): Effect[] {
    const effects = this.#wishes.has(stream) ? this.unwant(stream, connected) : [];
    const wish: Wish = { stream, position, standing: "wanted", retryAt: null, successor: null };
    const leaving = this.#wishes.get(stream);
    if (leaving === undefined) this.#wishes.set(stream, wish);
    else leaving.successor = wish;
    return effects;
  }

  /** Drops a wish. No event of the stream follows. */
  unwant(stream: string, connected: boolean): Effect[] {
    const wish = this.#wishes.get(stream);
    if (wish === undefined) return [];
    wish.successor = null;
    if (!connected || wish.standing === "wanted") {
      this.#wishes.delete(stream);
      return [];
    }
    if (wish.standing === "leaving") return [];
    wish.standing = "leaving";
    wish.retryAt = null;
    return [{ type: "send", text: encodeCommand({ op: "unsubscribe", channels: [stream] }) }];
  }

  /** Asks for all that is wanted and due, in as many frames as it takes. */
  ask(now: number): Effect[] {
    const due = [...this.#wishes.values()].filter(
      ({ standing, retryAt }) => standing === "wanted" && (retryAt === null || retryAt <= now),
    );
    const effects: Effect[] = [];
    for (let start = 0; start < due.length; start += LIMITS.SUBSCRIBE_MAX_STREAMS) {
      effects.push(this.#request(due.slice(start, start + LIMITS.SUBSCRIBE_MAX_STREAMS)));
    }
    return effects;
  }

  granted(frame: Subscribed): Effect[] {
    const stream = frame.channel ?? frame.server ?? (frame.feed === true ? FEED : INBOX);
    const wish = this.#wishes.get(stream);
    if (wish?.standing !== "asked") return [];
    const { seq, epoch } = frame;
    const before = wish.position;
    wish.standing = "live";
    const live: Effect = { type: "live", stream, answer: frame };
    if (frame.recovered !== "reset") {
      // The server may be ahead of the last event that could be read here, never behind it.
      wish.position = { seq: Math.max(seq, before?.seq ?? 0), epoch };
      return [live];
    }
    // Another life of the log: what was seen in the former one says nothing about this one.
    if (before !== null && before.epoch !== epoch) this.#unknownSeen.clear();
    wish.position = { seq, epoch };
    return [live, { type: "reset", stream, lostAfter: before, resumedAt: wish.position }];
  }

  /** No further frame of a stream: as it was asked, or because the right to it was lost. */
  ended({ channel: stream, reason }: Unsubscribed, now: number): Effect[] {
    const wish = this.#wishes.get(stream);
    if (wish === undefined) return [];
    if (wish.standing === "leaving") {
      this.#remove(wish);
      return this.ask(now);
    }
    // The answer to an `unsubscribe` that crossed the server's own ending of the former subscription.
    if (reason === "asked") return [];
    this.#remove(wish);
    return [{ type: "ended", stream, reason }];
  }

  /** Null where the error answers none of the requests made here. */
  refused(frame: ErrorFrame, now: number): Effect[] | null {
    const asked = typeof frame.ref === "string" ? this.#asked.get(frame.ref) : undefined;
    if (asked === undefined) return null;
    const named = asked.filter((stream) => stream === frame.channel);
    // Without a stream's name the whole request was refused, as far as it is not answered yet.
    return (named.length > 0 ? named : asked).flatMap((stream) => this.#refusedOne(stream, frame, now));
  }

  /** The connection is gone, and with it what it granted; what was being left is left. */
  disconnected(): void {
    this.#asked.clear();
    for (const wish of [...this.#wishes.values()]) {
      if (wish.standing === "leaving") this.#remove(wish);
      wish.standing = "wanted";
      wish.retryAt = null;
    }
  }

  /** Whether the event `seq` is to be handed on; if so, notes that it was. */
  isNew(stream: string, seq: number, epoch: string): boolean {
    const wish = this.#wishes.get(stream);
    if (wish === undefined || wish.standing === "leaving") return false;
    if (wish.position !== null && seq <= wish.position.seq) return false;
    wish.position = { seq, epoch };
    return true;
  }

  /**
   * The same for an event that this version cannot read, by what names it. Its stream cannot be told for certain (inbox
   * events name channels too), so it moves no position and is replayed with whatever else follows the last event that
   * could be read. Its own name then gives it away.
   */
  isNewUnknown({ named, data }: UnknownEvent): boolean {
    if (typeof data["seq"] !== "number") return true;
    const key = JSON.stringify([named, data["channel"] ?? null, data["server"] ?? null, data["seq"]]);
    if (this.#unknownSeen.has(key)) return false;
    this.#unknownSeen.add(key);
    // A replay brings at most so many events a stream.
    const [oldest] = this.#unknownSeen;
    if (this.#unknownSeen.size > LIMITS.REPLAY_MAX_EVENTS && oldest !== undefined) this.#unknownSeen.delete(oldest);
    return true;
  }

  #request(wishes: readonly Wish[]): Effect {
    const ref = `s${++this.#requests}`;
    this.#asked.set(
      ref,
      wishes.map(({ stream }) => stream),
    );
    for (const wish of wishes) {
      wish.standing = "asked";
      wish.retryAt = null;
    }
    const inbox = wishes.find(({ stream }) => stream === INBOX)?.position ?? null;
    const channels = wishes.filter(({ stream }) => stream !== INBOX).map(entryOf);
    const command: Subscribe = {
      op: "subscribe",
      ref,
      ...(channels.length > 0 && { channels }),
      ...(inbox !== null && { inbox: { after: inbox.seq, epoch: inbox.epoch } }),
    };
    return { type: "send", text: encodeCommand(command) };
  }

  #refusedOne(stream: string, frame: ErrorFrame, now: number): Effect[] {
    const wish = this.#wishes.get(stream);
    if (wish?.standing === "leaving") {
      // What was refused need not be left.
      this.#remove(wish);
      return this.ask(now);
    }
    if (wish?.standing !== "asked") return [];
    const error = refusalOf(frame);
    if (error.passing) {
      wish.standing = "wanted";
      wish.retryAt = now + (error.retryAfterMs ?? RETRY_MS);
      return [];
    }
    this.#remove(wish);
    return [{ type: "ended", stream, reason: error.code }];
  }

  #remove(wish: Wish): void {
    this.#wishes.delete(wish.stream);
    if (wish.successor !== null) this.#wishes.set(wish.stream, wish.successor);
  }
}

function entryOf({ stream, position }: Wish): string | StreamPosition {
  return position === null ? stream : { id: stream, after: position.seq, epoch: position.epoch };
}
