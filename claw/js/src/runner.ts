import { ABNORMAL_CLOSURE } from "./close.js";
import type { Effect, Login } from "./effects.js";
import { ClawError, SessionStoppedError } from "./errors.js";
import type { Session } from "./session.js";
import type { TokenSource } from "./tokens.js";

export type Status =
  | { readonly state: "connecting" | "live" }
  /** `final`: the client does not come back by itself. `code` is the close code, if there was one. */
  | { readonly state: "lost"; readonly final: boolean; readonly code: number | null };

/** The part of a WebSocket that is used here. */
export type Socket = Pick<WebSocket, "onopen" | "onmessage" | "onclose" | "onerror" | "send" | "close">;

/** Opens a socket. `carriesToken`: the handshake's header has the token; else it goes as the first frame. */
export type Dial = (url: string, token: string) => { readonly socket: Socket; readonly carriesToken: boolean };

/** What a browser can do. */
export const dialByFrame: Dial = (url) => ({ socket: new WebSocket(url), carriesToken: false });

/** The effects that are the application's. */
export type AppEffect = Exclude<Effect, { type: "send" | "close" | "connect" | "opened" | "renew_token" }>;

export interface RunnerOptions {
  readonly url: string;
  readonly tokens: TokenSource;
  readonly session: Session;
  readonly dial: Dial;
  /** Is told what the session wants of the application. */
  readonly hand: (effect: AppEffect) => void;
}

/** What keeps a session alive: owns the socket and the timers, fetches tokens, and does as the effects say. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #session: Session;
  readonly #listeners = new Set<() => void>();
  readonly #due: (() => Effect[])[] = [];
  #busy = false;
  #status: Status = { state: "connecting" };
  #started = false;
  #socket: Socket | null = null;
  #lastCode: number | null = null;
  /** The token in use, and one that is being shown on the open socket. */
  #token: string | null = null;
  #renewal: { readonly ref: string; readonly token: string } | null = null;
  /** What is under way belongs to one attempt; of a former one nothing is heard. */
  #attempt = 0;
  #comeBack: { readonly timer: ReturnType<typeof setTimeout>; readonly asked: boolean; readonly login: Login } | null =
    null;
  #alarm: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#session = options.session;
  }

  readonly status = {
    get: (): Status => this.#status,
    subscribe: (listener: () => void): (() => void) => {
      this.#listeners.add(listener);
      return () => {
        this.#listeners.delete(listener);
      };
    },
  };

  start(): void {
    if (this.#comeBack !== null) {
      this.#hurry();
      return;
    }
    if (this.#started && this.#session.error === null) return;
    this.#started = true;
    this.#session.restart();
    void this.#connect("keep");
  }

  nudge(): void {
    if (this.#comeBack === null) this.feed(() => this.#session.nudge(performance.now()));
    else this.#hurry();
  }

  /** What arises while effects are carried out waits for its turn, so effects keep their order. */
  feed(happening: () => Effect[]): void {
    this.#due.push(happening);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) {
        for (const effect of next()) this.#perform(effect);
      }
    } finally {
      this.#busy = false;
      this.#arm();
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send":
        this.#socket?.send(effect.text);
        break;
      case "close":
        this.#giveUp();
        break;
      case "connect":
        this.#connectLater(effect);
        break;
      case "opened":
        this.#setStatus({ state: "live" });
        break;
      case "renew_token":
        void this.#renew();
        break;
      case "stop":
        this.#stopped(effect.error);
        this.#options.hand(effect);
        break;
      case "call_settled":
        if (effect.ref === this.#renewal?.ref) this.#renewed(effect.outcome instanceof ClawError);
        else this.#options.hand(effect);
        break;
      default:
        this.#options.hand(effect);
    }
  }

  async #connect(login: Login): Promise<void> {
    const attempt = ++this.#attempt;
    this.#lastCode = null;
    this.#setStatus({ state: "connecting" });
    try {
      const token = await this.#options.tokens.get(login === "keep" ? null : this.#token, login);
      if (attempt !== this.#attempt) return;
      this.#token = token;
      this.#open(token);
    } catch (error) {
      if (attempt === this.#attempt) this.feed(() => this.#failed(error));
    }
  }

  #open(token: string): void {
    const { socket, carriesToken } = this.#options.dial(this.#options.url, token);
    this.#socket = socket;
    socket.onopen = () => {
      this.feed(() => this.#session.connected(performance.now(), carriesToken ? null : token));
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      if (typeof data === "string") this.feed(() => this.#session.received(data, performance.now()));
    };
    socket.onclose = ({ code, reason }) => {
      this.#release();
      this.#lastCode = code;
      this.feed(() => this.#session.closed(code === ABNORMAL_CLOSURE ? null : code, reason, performance.now()));
    };
    // A close follows every error.
    socket.onerror = ignore;
    this.feed(() => {
      this.#session.dialling(performance.now());
      return [];
    });
  }

  /** No token or no socket, and so no connection. What is only for now, or not of our making, is tried again. */
  #failed(error: unknown): Effect[] {
    if (error instanceof ClawError && !error.passing) return this.#session.stop(error);
    return this.#session.closed(null, "", performance.now(), retryAfterOf(error));
  }

  /** A dead socket may take minutes to close; nobody listens to it any more. */
  #giveUp(): void {
    this.#release()?.close(1000);
    this.feed(() => this.#session.closed(null, "", performance.now()));
  }

  #release(): Socket | null {
    const socket = this.#socket;
    if (socket !== null) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    return socket;
  }

  #connectLater({ afterMs, asked, login }: Extract<Effect, { type: "connect" }>): void {
    this.#attempt += 1;
    if (afterMs === 0) {
      void this.#connect(login);
      return;
    }
    this.#setStatus({ state: "lost", final: false, code: this.#lastCode });
    const timer = setTimeout(() => {
      this.#comeBack = null;
      void this.#connect(login);
    }, afterMs);
    this.#comeBack = { timer, asked, login };
  }

  /** Ends a wait of our own; one that the server asked for is kept, whoever is in a hurry. */
  #hurry(): void {
    const waiting = this.#comeBack;
    if (waiting === null || waiting.asked) return;
    this.#cancelComeBack();
    void this.#connect(waiting.login);
  }

  #stopped(error: ClawError): void {
    this.#attempt += 1;
    this.#cancelComeBack();
    this.#release()?.close(1000);
    this.#setStatus({ state: "lost", final: true, code: error instanceof SessionStoppedError ? error.code : null });
  }

  #cancelComeBack(): void {
    clearTimeout(this.#comeBack?.timer);
    this.#comeBack = null;
  }

  async #renew(): Promise<void> {
    const attempt = this.#attempt;
    try {
      const token = await this.#options.tokens.get(this.#token, "renew");
      if (attempt !== this.#attempt) return;
      const { ref, effects } = this.#session.renew(token);
      this.#renewal = ref === null ? null : { ref, token };
      this.feed(() => effects);
    } catch {
      // The server closes with 4200 when the old token ends, and the next connection brings another.
    }
  }

  /** A token that the server does not take over is left aside: the present one stays the one in use. */
  #renewed(refused: boolean): void {
    if (!refused && this.#renewal !== null) this.#token = this.#renewal.token;
    this.#renewal = null;
  }

  #setStatus(status: Status): void {
    this.#status = status;
    for (const listener of this.#listeners) tell(listener);
  }

  #arm(): void {
    clearTimeout(this.#alarm);
    const { deadline } = this.#session;
    if (deadline === null) return;
    this.#alarm = setTimeout(
      () => {
        this.feed(() => this.#session.tick(performance.now()));
      },
      Math.max(1, deadline - performance.now()),
    );
  }
}

/** A listener's fault is the listener's: it surfaces as an uncaught error and holds up nobody else. */
export function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function ignore(): void {
  // Nothing to add.
}

/** The wait that a refusal asked for, whoever's error it is. */
function retryAfterOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("retryAfterMs" in error)) return null;
  return typeof error.retryAfterMs === "number" ? error.retryAfterMs : null;
}
