import { Backoff } from "./backoff.js";
import { Calls, earliest } from "./calls.js";
import { adviceFor } from "./close.js";
import { decodeFrame, encodeCommand, refusalOf } from "./codec.js";
import type { Effect, Login } from "./effects.js";
import { type ClawError, ClientStoppedError, SessionStoppedError } from "./errors.js";
import { INBOX, type Position, streamOf, type UnknownEvent } from "./events.js";
import { Subscriptions } from "./subscriptions.js";
import { type AnyCommand, type AnyFrame, CLOSE, type ErrorFrame, type Hello } from "./wire.js";

type State = "connecting" | "authenticating" | "open" | "stopped";

/** Where an agent's inbox begins: with what is new, with what was not acknowledged, or at a place. */
export type InboxStart = "new" | "unacknowledged" | Position;

export interface SessionOptions {
  /** Without it the inbox is not followed. Observers have none. */
  readonly inbox?: InboxStart | null;
  readonly backoff?: Backoff;
}

/** The server speaks first once the token is checked; it gives a client 10 s for its part, and so do we. */
const HELLO_WITHIN_MS = 10_000;
/** A session that lasted this long counts as a success: what ends it later is a new trouble, not more of the old. */
const STABLE_MS = 10_000;
const PONG_WITHIN_MS = 10_000;

/**
 * The life of one client with the platform, over as many connections as it takes: rules only, no I/O, no clock. The
 * same machine as `claw/session.py`; both replay tests/dialogues.
 *
 * The surroundings report what happened with the time as `now` (milliseconds of any steady clock) and carry out the
 * effects that come back. What the rules promise:
 *
 * - Each event of a followed stream is handed on once and in order, over any number of lost connections. Where the
 *   server cannot replay, a `reset` says so.
 * - A call that was begun with `keep` is sent until it is answered.
 * - Close codes decide what happens next, by their range.
 *
 *     connecting ──connected──▸ authenticating ──hello──▸ open
 *         ▴                          │                     │
 *         └────────── closed ────────┴─────────────────────┴──▸ stopped, where the close code says so
 */
export class Session {
  readonly #inboxStart: InboxStart | null;
  readonly #backoff: Backoff;
  readonly #subscriptions = new Subscriptions();
  readonly #calls = new Calls();
  #state: State = "connecting";
  #hello: Hello | null = null;
  #error: ClawError | null = null;
  #helloBy: number | null = null;
  #openedAt: number | null = null;
  /** When silence becomes suspicious; after a ping of ours, when it is taken for a dead line. */
  #silentAt: number | null = null;
  #pinged = false;
  #comeBackIn: number | null = null;
  #refused: ErrorFrame | null = null;
  #loggedInAnew = false;

  constructor({ inbox = null, backoff = new Backoff() }: SessionOptions = {}) {
    this.#inboxStart = inbox;
    this.#backoff = backoff;
  }

  /** What the server said when the present (or last) connection opened. */
  get hello(): Hello | null {
    return this.#hello;
  }

  /** What it all ended with; null while it goes on. */
  get error(): ClawError | null {
    return this.#error;
  }

  /** When `tick` is due; null while nothing waits for its time. */
  get deadline(): number | null {
    if (this.#state !== "open") return this.#helloBy;
    return earliest([this.#silentAt, this.#calls.deadline, this.#subscriptions.deadline]);
  }

  /** How far a stream was handed on; null where that is not known (yet). */
  position(stream: string): Position | null {
    return this.#subscriptions.position(stream);
  }

  // What the application wants.

  /** Begins a command that is answered; `call_settled` with the ref follows. Throws what it all ended with. */
  call(command: AnyCommand, keep: boolean): { ref: string; effects: Effect[] } {
    if (this.#error !== null) throw this.#error;
    return this.#calls.begin(command, keep, this.#state === "open");
  }

  /** Shows that a message is being written. Worth nothing later, so nothing is sent unless the session is open. */
  typing(channel: string): Effect[] {
    return this.#state === "open" ? [{ type: "send", text: encodeCommand({ op: "typing", channel }) }] : [];
  }

  /** Shows another token on the open socket: the answer to `renew_token`. */
  renew(token: string): { ref: string | null; effects: Effect[] } {
    return this.#state === "open" ? this.call({ op: "auth", token }, false) : { ref: null, effects: [] };
  }

  /** Follows streams, each from a position or (null) from its head. What was followed before begins anew there. */
  follow(wishes: Iterable<readonly [string, Position | null]>, now: number): Effect[] {
    const connected = this.#state === "open";
    const effects = [...wishes].flatMap(([stream, position]) => this.#subscriptions.want(stream, position, connected));
    return connected ? [...effects, ...this.#subscriptions.ask(now)] : effects;
  }

  unfollow(stream: string): Effect[] {
    return this.#subscriptions.unwant(stream, this.#state === "open");
  }

  /** Somebody looks, or the network is back: find out now whether the line is alive. */
  nudge(now: number): Effect[] {
    return this.#state === "open" && !this.#pinged ? this.#ping(now) : [];
  }

  /** Ends for good: because it was wished, or because `error` leaves no other way. */
  stop(error: ClawError = new ClientStoppedError("the client was stopped")): Effect[] {
    if (this.#state === "stopped") return [];
    this.#leaveConnection();
    this.#state = "stopped";
    this.#error = error;
    return [...this.#calls.stopped(error), { type: "stop", error }];
  }

  /** Begins anew after the end. Streams go on from where they were. */
  restart(): void {
    if (this.#state !== "stopped") return;
    this.#state = "connecting";
    this.#error = null;
    this.#loggedInAnew = false;
  }

  // What happens to the connection.

  /** A connection is being opened. */
  dialling(now: number): void {
    this.#helloBy = now + HELLO_WITHIN_MS;
  }

  /** A connection stands. `token` is null where its handshake carried the token, else it goes first. */
  connected(now: number, token: string | null): Effect[] {
    if (this.#state !== "connecting") return [];
    this.#state = "authenticating";
    this.#helloBy = now + HELLO_WITHIN_MS;
    return token === null ? [] : [{ type: "send", text: encodeCommand({ op: "auth", token }) }];
  }

  /** The time of `deadline` has come. */
  tick(now: number): Effect[] {
    if (this.#helloBy !== null && now >= this.#helloBy) {
      this.#helloBy = null;
      return [{ type: "close" }];
    }
    if (this.#state !== "open") return [];
    const effects = [...this.#subscriptions.ask(now), ...this.#calls.sendDue(now)];
    if (this.#silentAt === null || now < this.#silentAt) return effects;
    return this.#pinged ? [...effects, { type: "close" }] : [...effects, ...this.#ping(now)];
  }

  /**
   * The connection ended with a close code, was lost (null), or did not come about (null as well). `retryAfterMs` is the
   * wait that an HTTP refusal asked for. The last effect is `connect` or `stop`.
   */
  closed(code: number | null, reason: string, now: number, retryAfterMs: number | null = null): Effect[] {
    if (this.#state === "stopped") return [];
    if (this.#openedAt !== null && now - this.#openedAt >= STABLE_MS) {
      this.#backoff.succeeded();
      this.#loggedInAnew = false;
    }
    const refusal = this.#refused === null ? null : refusalOf(this.#refused);
    const asked = this.#comeBackIn ?? (refusal === null ? retryAfterMs : refusal.retryAfterMs);
    const lost = this.#leaveConnection();
    let advice = adviceFor(code);
    let login: Login = code === CLOSE.TOKEN_EXPIRED ? "renew" : "keep";
    if (code === CLOSE.UNAUTHORIZED && !this.#loggedInAnew) {
      // "Log in anew first" (docs/protocol.md, section 4): whoever can may come back, but tries that once.
      this.#loggedInAnew = true;
      advice = "retry_with_backoff";
      login = "anew";
    }
    if (code !== null && advice === "stop") {
      return this.stop(new SessionStoppedError(code, reason || (refusal?.message ?? "")));
    }
    const afterMs = this.#backoff.wait(advice, asked);
    return [...lost, { type: "connect", afterMs, asked: asked !== null, login }];
  }

  /** A frame came in. */
  received(text: string, now: number): Effect[] {
    const frame = decodeFrame(text);
    if (this.#state === "authenticating") {
      // Before its hello the server has nothing to say but why there will be none.
      if (frame.op === "hello") return this.#open(frame, now);
      if (frame.op === "error") this.#refused = frame;
      return [];
    }
    if (this.#state !== "open") return [];
    this.#heard(now);
    switch (frame.op) {
      case "subscribed":
        return this.#subscriptions.granted(frame);
      case "unsubscribed":
        return this.#subscriptions.ended(frame, now);
      case "message_ack":
      case "ok":
      case "pong":
      case "auth_ok":
        return this.#calls.answered(frame);
      case "error":
        return this.#fault(frame, now);
      case "token_expiring":
        return [{ type: "renew_token" }];
      case "reconnect":
        this.#comeBackIn = frame.after_ms;
        return [];
      case "hello":
        return [];
      default:
        return this.#event(frame);
    }
  }

  // The rules that need more than a line.

  #open(hello: Hello, now: number): Effect[] {
    this.#state = "open";
    this.#hello = hello;
    this.#helloBy = null;
    this.#openedAt = now;
    this.#heard(now);
    if (hello.inbox !== null && this.#inboxStart !== null && !this.#subscriptions.wanted(INBOX)) {
      // The inbox is asked for by a position always, so that nothing falls between the hello and the request.
      const { seq, acked } = hello.inbox;
      const start = this.#inboxStart;
      const fromHello = { seq: start === "unacknowledged" ? acked : seq, epoch: hello.epoch };
      this.#subscriptions.want(INBOX, typeof start === "object" ? start : fromHello, true);
    }
    return [{ type: "opened", hello }, ...this.#subscriptions.ask(now), ...this.#calls.sendAll()];
  }

  #fault(frame: ErrorFrame, now: number): Effect[] {
    const effects = this.#subscriptions.refused(frame, now) ?? this.#calls.refused(frame, now);
    if (effects !== null) return effects;
    this.#refused = frame;
    return [{ type: "fault", error: refusalOf(frame) }];
  }

  #event(frame: AnyFrame | UnknownEvent): Effect[] {
    const place = streamOf(frame);
    if (place !== null) {
      const { stream, event } = place;
      const isNew = this.#subscriptions.isNew(stream, event.seq, this.#hello?.epoch ?? "");
      return isNew ? [{ type: "event", stream, frame: event }] : [];
    }
    switch (frame.op) {
      case "presence":
      case "typing":
        return this.#passing(frame.channel, frame);
      case "context":
        if (frame.channel_id === undefined || frame.channel_id === null) return [{ type: "other", frame }];
        return this.#passing(frame.channel_id, frame);
      case "(unknown)":
        return this.#subscriptions.isNewUnknown(frame) ? [{ type: "other", frame }] : [];
      default:
        return [];
    }
  }

  /** What belongs to a stream without a number. Of one that is being left nothing is told any more. */
  #passing(stream: string, frame: Extract<Effect, { type: "event" }>["frame"]): Effect[] {
    return this.#subscriptions.isLive(stream) ? [{ type: "event", stream, frame }] : [];
  }

  #heard(now: number): void {
    this.#pinged = false;
    this.#silentAt = this.#hello === null ? null : now + this.#hello.heartbeat_ms;
  }

  /** A server's pings go unseen in browsers, so only a ping of our own shows that the line is dead. */
  #ping(now: number): Effect[] {
    this.#pinged = true;
    this.#silentAt = now + PONG_WITHIN_MS;
    return [{ type: "send", text: encodeCommand({ op: "ping" }) }];
  }

  #leaveConnection(): Effect[] {
    this.#state = "connecting";
    this.#helloBy = this.#openedAt = this.#silentAt = this.#comeBackIn = this.#refused = null;
    this.#pinged = false;
    this.#subscriptions.disconnected();
    return this.#calls.disconnected();
  }
}
