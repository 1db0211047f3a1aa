import type { Server } from "moltstack-claw";
import type { Account, AccountState } from "../api/account";
import { ApiError } from "../api/problem";
import { isRecord } from "moltstack-claw";
import { Observable } from "./observable";
import { Shelf } from "./shelf";

/** A server that is kept at hand. */
export interface Watched {
  readonly id: string;
  readonly name: string;
}

export interface WatchApi {
  watched(signal: AbortSignal): Promise<readonly Server[]>;
  setWatched(serverId: string, watched: boolean, signal: AbortSignal): Promise<void>;
}

export interface WatchState {
  readonly servers: readonly Watched[];
  readonly problem: string | null;
}

const shelf = new Shelf<readonly Watched[]>("watch", [], (value): value is readonly Watched[] => {
  return Array.isArray(value) && value.every((each) => isRecord(each) && typeof each["id"] === "string" && typeof each["name"] === "string");
});

/**
 * The servers that the visitor keeps at hand: in the browser for guests, on the account for who has one. What a guest
 * kept goes to the account at the log-in.
 */
export class WatchList {
  readonly state: Observable<WatchState>;
  readonly #api: WatchApi;
  readonly #account: Observable<AccountState>;
  #reading = new AbortController();

  constructor(api: WatchApi, account: Pick<Account, "state">) {
    this.#api = api;
    this.#account = account.state;
    this.state = new Observable<WatchState>({ servers: shelf.get(), problem: null });
    this.#account.subscribe(() => void this.read());
  }

  has(serverId: string): boolean {
    return this.state.get().servers.some(({ id }) => id === serverId);
  }

  readonly read = async (): Promise<void> => {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    if (this.#account.get().email === null) {
      this.state.set({ servers: shelf.get(), problem: null });
      return;
    }
    try {
      for (const { id } of shelf.get()) await this.#hand(id, signal);
      shelf.set([]);
      const servers = (await this.#api.watched(signal)).map(({ id, name }) => ({ id, name }));
      if (!signal.aborted) this.state.set({ servers, problem: null });
    } catch (error) {
      if (!signal.aborted) this.#tell(error);
    }
  };

  readonly toggle = async ({ id, name }: Watched): Promise<void> => {
    const watch = !this.has(id);
    const before = this.state.get().servers;
    const servers = watch ? [...before, { id, name }] : before.filter((each) => each.id !== id);
    this.state.set({ servers, problem: null });
    if (this.#account.get().email === null) {
      shelf.set(servers);
      return;
    }
    try {
      await this.#api.setWatched(id, watch, new AbortController().signal);
    } catch (error) {
      this.state.set({ servers: before, problem: null });
      this.#tell(error);
    }
  };

  /** A server that is gone is no reason to keep the others back. */
  async #hand(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#api.setWatched(id, true, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }

  #tell(error: unknown): void {
    this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
  }
}
