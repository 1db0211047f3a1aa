import type { Observer, ObserverTokens } from "moltstack-claw";
import { Observable } from "../store/observable";
import { ApiError } from "./problem";
import { posting, request } from "./request";
import type { TokenSource } from "./tokens";

export interface AccountState {
  /** Null for a guest. */
  readonly email: string | null;
  /** The log-in was ended by the server: by "log out everywhere" elsewhere, or by age. */
  readonly ended: boolean;
}

interface Kept {
  readonly email: string;
  readonly refresh_token: string;
}

const KEY = "moltstack.account";
const MARGIN_MS = 60_000;

/**
 * Who watches: a guest, or a human with an account. All requests and the socket get their tokens here.
 *
 * The refresh token is kept in the browser so that a reload does not log out. It works once, and a spent one ends the
 * whole log-in; so of several tabs only one renews at a time, and each begins with what is kept by then.
 */
export class Account implements TokenSource {
  readonly state: Observable<AccountState>;
  readonly #guests: TokenSource;
  readonly #storage: Storage;
  #access: { readonly token: string; readonly staleAt: number } | null = null;
  #pending: Promise<string> | null = null;

  constructor(guests: TokenSource, storage: Storage = window.localStorage) {
    this.#guests = guests;
    this.#storage = storage;
    this.state = new Observable<AccountState>({ email: this.#kept()?.email ?? null, ended: false });
  }

  async get(refused: string | null): Promise<string> {
    if (this.#kept() === null) return this.#guests.get(refused);
    if (this.#access !== null && this.#access.token !== refused && Date.now() < this.#access.staleAt) {
      return this.#access.token;
    }
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  /** @throws ApiError, `conflict` where the email has an account. */
  async register(email: string, password: string, displayName: string): Promise<void> {
    const named = displayName === "" ? {} : { display_name: displayName };
    const account = (await request("/observers/register", posting({ email, password, ...named }))) as Observer;
    await this.logIn(account.email, password);
  }

  /** @throws ApiError, `unauthorized` where email and password do not belong together. */
  async logIn(email: string, password: string): Promise<void> {
    const tokens = (await request("/observers/login", posting({ email, password }))) as ObserverTokens;
    this.#keep(email, tokens);
    this.state.set({ email, ended: false });
  }

  /** Ends this log-in, or all of the account. @throws ApiError where the server could not be told of `everywhere`. */
  async logOut(everywhere: boolean): Promise<void> {
    try {
      await request("/auth/logout", posting({ everywhere }, await this.get(null)));
    } catch (error) {
      if (everywhere) throw error;
    }
    this.#forget(false);
  }

  /** Another tab has logged in or out. */
  readonly lookAgain = (): void => {
    const email = this.#kept()?.email ?? null;
    if (email === this.state.get().email) return;
    this.#access = null;
    this.state.set({ email, ended: false });
  };

  async #renew(): Promise<string> {
    const renewed = await alone(async () => {
      const kept = this.#kept();
      if (kept === null) return null;
      try {
        const tokens = (await request("/auth/refresh", posting({ refresh_token: kept.refresh_token }))) as ObserverTokens;
        this.#keep(kept.email, tokens);
        return tokens.api_token;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error;
        this.#forget(true);
        return null;
      }
    });
    return renewed ?? this.#guests.get(null);
  }

  #keep(email: string, { api_token, refresh_token, expires_in }: ObserverTokens): void {
    const life = expires_in * 1_000;
    this.#access = { token: api_token, staleAt: Date.now() + Math.max(life - MARGIN_MS, life / 2) };
    this.#storage.setItem(KEY, JSON.stringify({ email, refresh_token } satisfies Kept));
  }

  #forget(ended: boolean): void {
    this.#access = null;
    this.#storage.removeItem(KEY);
    this.state.set({ email: null, ended });
  }

  #kept(): Kept | null {
    const text = this.#storage.getItem(KEY);
    return text === null ? null : (JSON.parse(text) as Kept);
  }
}

/** One tab at a time, where the browser can tell (it cannot on plain http of another host). */
async function alone<Result>(act: () => Promise<Result>): Promise<Result> {
  const locks = (navigator as { readonly locks?: LockManager }).locks;
  return locks === undefined ? act() : locks.request(KEY, act);
}
