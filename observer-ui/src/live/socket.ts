import type { TokenSource } from "../api/tokens";
import { ApiError } from "../api/problem";
import { Observable } from "../store/observable";
import { decodeFrame } from "../wire/decode";
import type { StreamFrame } from "../wire/frames";
import type { Position } from "../wire/objects";
import type { Effect, Status } from "./effects";
import { ABNORMAL_CLOSURE } from "./reconnect";
import { type Input, Session } from "./session";

/** Who follows a stream. See `Effect` for the meaning of each call. */
export interface Follower {
  event(frame: StreamFrame): void;
  reset(): void;
  ended(reason: string): void;
}

/** The thin shell around `Session`: it owns the WebSocket and the timer, and does as the effects say. */
export class LiveSocket {
  readonly status = new Observable<Status>({ state: "connecting" });
  readonly #url: string;
  readonly #tokens: TokenSource;
  readonly #session = new Session(Math.random);
  readonly #followers = new Map<string, Follower>();
  readonly #inputs: Input[] = [];
  #busy = false;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, tokens: TokenSource) {
    this.#url = url;
    this.#tokens = tokens;
  }

  start(): void {
    this.#feed({ type: "start" });
  }

  stop(): void {
    this.#feed({ type: "stop" });
  }

  nudge(): void {
    this.#feed({ type: "nudge" });
  }

  /** Follows a stream from a position, or from its head; one follower a stream. Returns how to stop. */
  follow(stream: string, position: Position | null, follower: Follower): () => void {
    this.#followers.set(stream, follower);
    this.#feed({ type: "follow", stream, position });
    return () => {
      if (this.#followers.get(stream) !== follower) return;
      this.#followers.delete(stream);
      this.#feed({ type: "unfollow", stream });
    };
  }

  /** Inputs that arise while effects are carried out wait for their turn, so effects keep their order. */
  #feed(input: Input): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        for (const effect of this.#session.receive(next, performance.now())) this.#perform(effect);
      }
    } finally {
      this.#busy = false;
      this.#arm();
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "fetch_token":
        void this.#fetchToken(effect.refused);
        break;
      case "open":
        this.#open();
        break;
      case "send":
        this.#socket?.send(JSON.stringify(effect.frame));
        break;
      case "close":
        this.#forget()?.close(1000);
        break;
      case "status":
        this.status.set(effect.status);
        break;
      case "event":
        this.#followers.get(effect.stream)?.event(effect.frame);
        break;
      case "reset":
        this.#followers.get(effect.stream)?.reset();
        break;
      case "ended":
        this.#followers.get(effect.stream)?.ended(effect.reason);
        break;
    }
  }

  #open(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#feed({ type: "opened" });
    };
    socket.onmessage = ({ data }) => {
      const frame = typeof data === "string" ? decodeFrame(data) : null;
      if (frame !== null) this.#feed({ type: "frame", frame });
    };
    socket.onclose = ({ code }) => {
      this.#forget();
      this.#feed({ type: "closed", code: code || ABNORMAL_CLOSURE });
    };
  }

  /** Lets go of the socket. A dead one may take minutes to close; nobody listens to it any more. */
  #forget(): WebSocket | null {
    const socket = this.#socket;
    if (socket !== null) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    return socket;
  }

  async #fetchToken(refused: string | null): Promise<void> {
    try {
      this.#feed({ type: "token", token: await this.#tokens.get(refused) });
    } catch (error) {
      const retryAfterMs = error instanceof ApiError ? error.retryAfterMs : null;
      this.#feed({ type: "token_failed", retryAfterMs });
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const { wakeAt } = this.#session;
    if (wakeAt === null) return;
    this.#timer = setTimeout(
      () => {
        this.#feed({ type: "wake" });
      },
      Math.max(1, wakeAt - performance.now()),
    );
  }
}
