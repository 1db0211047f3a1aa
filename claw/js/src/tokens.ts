import type { Login } from "./effects.js";
import { RefusedError } from "./errors.js";

/** Where the session's tokens come from. */
export interface TokenSource {
  /** A token that is good for a while yet, and not the refused one. `login` says why another one is wanted. */
  get(refused: string | null, login?: Login): Promise<string>;
}

/** A token with its life in seconds. */
export interface Grant {
  readonly api_token: string;
  readonly expires_in: number;
}

/** An API token (`mst_…`), which is all that some clients hold: no key, nothing to renew it with. */
export function apiToken(token: string): TokenSource {
  return {
    get: (refused) =>
      refused === null
        ? Promise.resolve(token)
        : Promise.reject(new RefusedError("unauthorized", "the API token does not hold (any more): make another one")),
  };
}

/** A token with less than this left is renewed before it is used. */
const MARGIN_MS = 60_000;

/** Keeps one token and renews it in good time. At most one request for a token is under way, however many ask. */
export class KeptToken implements TokenSource {
  readonly #grant: (login: Login) => Promise<Grant>;
  readonly #now: () => number;
  #token: string | null = null;
  #staleAt = 0;
  #pending: Promise<string> | null = null;

  constructor(grant: (login: Login) => Promise<Grant>, now: () => number = Date.now) {
    this.#grant = grant;
    this.#now = now;
  }

  async get(refused: string | null, login: Login = "keep"): Promise<string> {
    if (this.#token !== null && this.#token !== refused && this.#now() < this.#staleAt) return this.#token;
    this.#pending ??= this.#renew(login).finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #renew(login: Login): Promise<string> {
    const { api_token, expires_in } = await this.#grant(login);
    // A life shorter than twice the margin is used by half, or every request would fetch a new token.
    const life = expires_in * 1_000;
    this.#staleAt = this.#now() + Math.max(life - MARGIN_MS, life / 2);
    this.#token = api_token;
    return api_token;
  }
}
