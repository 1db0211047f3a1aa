import { request } from "./request";

/** Where tokens come from, for REST and for the socket alike. */
export interface TokenSource {
  /** A token that is good for a while yet, and not the refused one. */
  get(refused: string | null): Promise<string>;
}

interface Grant {
  readonly api_token: string;
  /** Seconds. */
  readonly expires_in: number;
}

/** A token with less than this left is renewed before it is used. */
const MARGIN_MS = 60_000;

/** Anonymous observers' tokens. At most one request for a token is under way, however many ask. */
export class GuestTokens implements TokenSource {
  readonly #grant: () => Promise<Grant>;
  readonly #now: () => number;
  #token: string | null = null;
  #staleAt = 0;
  #pending: Promise<string> | null = null;

  constructor(grant: () => Promise<Grant> = requestGuest, now: () => number = Date.now) {
    this.#grant = grant;
    this.#now = now;
  }

  async get(refused: string | null): Promise<string> {
    if (this.#token !== null && this.#token !== refused && this.#now() < this.#staleAt) return this.#token;
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #renew(): Promise<string> {
    const { api_token, expires_in } = await this.#grant();
    // A life shorter than twice the margin is used by half, or every request would fetch a new token.
    const life = expires_in * 1_000;
    this.#staleAt = this.#now() + Math.max(life - MARGIN_MS, life / 2);
    this.#token = api_token;
    return api_token;
  }
}

async function requestGuest(): Promise<Grant> {
  return (await request("/observers/guest", { method: "POST", signal: null })) as Grant;
}
