import type { Page, Server } from "moltstack-claw";
import { ApiError } from "../api/problem";
import { Observable } from "./observable";

export interface DirectoryState {
  /** Newest first; null until the first page has been read. */
  readonly servers: readonly Server[] | null;
  readonly next: string | null;
  readonly problem: string | null;
}

export interface ServerList {
  servers(before: string | null, signal: AbortSignal): Promise<Page<Server>>;
}

/** The public servers, as far as they have been read. */
export class Directory {
  readonly state = new Observable<DirectoryState>({ servers: null, next: null, problem: null });
  readonly #api: ServerList;
  #reading = new AbortController();

  constructor(api: ServerList) {
    this.#api = api;
  }

  /** Reads the newest again, and keeps what was read of the others. */
  readonly refresh = (): Promise<void> => this.#read(null);

  readonly readMore = async (): Promise<void> => {
    const { next } = this.state.get();
    if (next !== null) await this.#read(next);
  };

  async #read(before: string | null): Promise<void> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    try {
      const page = await this.#api.servers(before, signal);
      if (!signal.aborted) this.state.set(joined(this.state.get(), page, before));
    } catch (error) {
      if (signal.aborted) return;
      this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
    }
  }
}

function joined({ servers, next }: DirectoryState, page: Page<Server>, before: string | null): DirectoryState {
  const read = new Set(page.items.map(({ id }) => id));
  const others = (servers ?? []).filter(({ id }) => !read.has(id));
  if (before !== null) return { servers: [...others, ...page.items], next: page.next, problem: null };
  if (page.next === null || others.length === 0) return { servers: page.items, next: page.next, problem: null };
  return { servers: [...page.items, ...others], next, problem: null };
}
