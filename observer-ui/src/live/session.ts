import type { ServerFrame } from "../wire/frames";
import type { Position } from "../wire/objects";
import type { Effect } from "./effects";
import { ABNORMAL_CLOSURE, backoffMs, spoilsToken, verdictOf } from "./reconnect";
import { Subscriptions } from "./subscriptions";

export type Input =
  /** Somebody wants a connection: the page at its start, or a human who presses "try again". */
  | { readonly type: "start" }
  | { readonly type: "stop" }
  /** Somebody looks, or the network is back: find out now instead of at the next deadline. */
  | { readonly type: "nudge" }
  /** The time of `wakeAt` has come. */
  | { readonly type: "wake" }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "token_failed"; readonly retryAfterMs: number | null }
  | { readonly type: "opened" }
  | { readonly type: "frame"; readonly frame: ServerFrame }
  | { readonly type: "closed"; readonly code: number }
  | { readonly type: "follow"; readonly stream: string; readonly position: Position | null }
  | { readonly type: "unfollow"; readonly stream: string };

/**
 * stopped ─ start → token ─ token → opening ─ opened → greeting ─ hello → live
 * and from each of the last four, by a loss, to waiting (→ token) or, by a close code that says so, to ended.
 */
type Phase = "stopped" | "token" | "opening" | "greeting" | "live" | "waiting" | "ended";

const GREETING_MS = 15_000;
const PONG_MS = 10_000;
/** A connection that lived this long was a good one: the next loss starts counting failures anew. */
const STABLE_MS = 10_000;
const RENEWAL = "renewal";

/**
 * The life of an observer's connection, without I/O: inputs and `now` (milliseconds of any steady clock) go in,
 * effects come out. The rules are those of protocol.md section 4; `random` is where the jitter comes from.
 */
export class Session {
  readonly #random: () => number;
  readonly #subscriptions = new Subscriptions();
  #phase: Phase = "stopped";
  #token: string | null = null;
  #tokenRefused = false;
  #failures = 0;
  #liveSince: number | null = null;
  /** End of the present phase's patience: of the wait, of the greeting, of the silence. */
  #deadline: number | null = null;
  #heartbeatMs = 0;
  #pinged = false;
  /** The wait that `reconnect` asked for, and the moment until which it holds. */
  #askedWaitMs: number | null = null;
  #notBefore = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** When a `wake` is due; null if nothing is waited for. */
  get wakeAt(): number | null {
    const retryAt = this.#phase === "live" ? this.#subscriptions.retryAt : null;
    if (this.#deadline === null || retryAt === null) return this.#deadline ?? retryAt;
    return Math.min(this.#deadline, retryAt);
  }

  receive(input: Input, now: number): Effect[] {
    switch (input.type) {
      case "start":
        return this.#isAtRest() ? this.#connect(now) : [];
      case "stop":
        return this.#stop();
      case "nudge":
        return this.#nudge(now);
      case "wake":
        return this.#wake(now);
      case "token":
        return this.#gotToken(input.token, now);
      case "token_failed":
        return this.#phase === "token" ? this.#lost(null, now, input.retryAfterMs) : [];
      case "opened":
        return this.#opened();
      case "frame":
        return this.#frame(input.frame, now);
      case "closed":
        return this.#isConnected() ? this.#lost(input.code, now, this.#askedWaitMs) : [];
      case "follow":
        return this.#subscriptions.follow(input.stream, input.position);
      case "unfollow":
        return this.#subscriptions.unfollow(input.stream);
    }
  }

  #isAtRest(): boolean {
    return this.#phase === "stopped" || this.#phase === "ended" || this.#phase === "waiting";
  }

  #isConnected(): boolean {
    return this.#phase === "opening" || this.#phase === "greeting" || this.#phase === "live";
  }

  /** Fetches a token first. A wait that the server asked for is kept, whoever is in a hurry. */
  #connect(now: number): Effect[] {
    if (this.#phase === "waiting" && now < this.#notBefore) return [];
    this.#enter("token", null);
    return [
      { type: "status", status: { state: "connecting" } },
      { type: "fetch_token", refused: this.#tokenRefused ? this.#token : null },
    ];
  }

  #gotToken(token: string, now: number): Effect[] {
    this.#token = token;
    this.#tokenRefused = false;
    if (this.#phase === "token") return this.#open(now);
    return this.#phase === "live" ? [{ type: "send", frame: { op: "auth", token, ref: RENEWAL } }] : [];
  }

  #open(now: number): Effect[] {
    this.#enter("opening", now + GREETING_MS);
    return [{ type: "open" }];
  }

  #opened(): Effect[] {
    if (this.#phase !== "opening" || this.#token === null) return [];
    this.#phase = "greeting";
    return [{ type: "send", frame: { op: "auth", token: this.#token } }];
  }

  #frame(frame: ServerFrame, now: number): Effect[] {
    if (this.#phase === "greeting" && frame.op === "hello") {
      this.#heartbeatMs = frame.heartbeat_ms;
      this.#liveSince = now;
      this.#phase = "live";
      this.#heard(now);
      return [{ type: "status", status: { state: "live" } }, ...this.#subscriptions.connected()];
    }
    if (this.#phase !== "live") return [];
    this.#heard(now);
    switch (frame.op) {
      case "token_expiring":
        return [{ type: "fetch_token", refused: this.#token }];
      case "reconnect":
        this.#askedWaitMs = frame.after_ms;
        return [];
      case "error":
        return frame.ref === RENEWAL ? this.#renewalRefused(now) : this.#subscriptions.receive(frame, now);
      default:
        return this.#subscriptions.receive(frame, now);
    }
  }

  #heard(now: number): void {
    this.#pinged = false;
    this.#deadline = now + this.#heartbeatMs;
  }

  /** A guest's new token may be another guest's: then the socket cannot take it over, but a new socket can. */
  #renewalRefused(now: number): Effect[] {
    this.#disconnected();
    return [{ type: "close" }, { type: "status", status: { state: "connecting" } }, ...this.#open(now)];
  }

  #wake(now: number): Effect[] {
    const due = this.#deadline !== null && now >= this.#deadline;
    if (this.#phase === "waiting") return due ? this.#connect(now) : [];
    if (!this.#isConnected()) return [];
    const retries = this.#phase === "live" ? this.#subscriptions.wake(now) : [];
    if (!due) return retries;
    return this.#phase === "live" && !this.#pinged ? [...retries, ...this.#ping(now)] : this.#giveUp(now);
  }

  #nudge(now: number): Effect[] {
    if (this.#phase === "waiting") return this.#connect(now);
    return this.#phase === "live" && !this.#pinged ? this.#ping(now) : [];
  }

  /** Browsers answer the server's pings unseen, so only a ping of our own shows us that the line is dead. */
  #ping(now: number): Effect[] {
    this.#pinged = true;
    this.#deadline = now + PONG_MS;
    return [{ type: "send", frame: { op: "ping" } }];
  }

  #giveUp(now: number): Effect[] {
    return [{ type: "close" }, ...this.#lost(ABNORMAL_CLOSURE, now, this.#askedWaitMs)];
  }

  #stop(): Effect[] {
    const wasConnected = this.#isConnected();
    this.#disconnected();
    this.#enter("stopped", null);
    return wasConnected ? [{ type: "close" }] : [];
  }

  #lost(code: number | null, now: number, askedWaitMs: number | null): Effect[] {
    if (this.#liveSince !== null && now - this.#liveSince >= STABLE_MS) this.#failures = 0;
    this.#disconnected();
    if (code !== null && spoilsToken(code)) this.#tokenRefused = true;
    const verdict = code === null ? "wait" : verdictOf(code);
    if (verdict === "stop") {
      this.#enter("ended", null);
      return [{ type: "status", status: { state: "lost", final: true, code } }];
    }
    // "At once" is granted once: a server that closes again and again is given air like any other.
    const atOnce = verdict === "at_once" && this.#failures === 0;
    const wait = askedWaitMs ?? (atOnce ? 0 : backoffMs(this.#failures, this.#random));
    this.#failures += 1;
    this.#notBefore = askedWaitMs === null ? now : now + askedWaitMs;
    this.#enter("waiting", now + wait);
    return wait === 0 ? this.#connect(now) : [{ type: "status", status: { state: "lost", final: false, code } }];
  }

  #disconnected(): void {
    this.#subscriptions.disconnected();
    this.#liveSince = null;
    this.#pinged = false;
    this.#askedWaitMs = null;
  }

  #enter(phase: Phase, deadline: number | null): void {
    this.#phase = phase;
    this.#deadline = deadline;
  }
}
