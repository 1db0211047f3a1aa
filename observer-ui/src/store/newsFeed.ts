import type { FeedItem, FeedPage } from "../api/discovery";
import { ApiError } from "../api/problem";
import type { Follower } from "moltstack-claw";
import type { Position } from "../wire/objects";
import { Observable } from "./observable";

export interface NewsState {
  /** Newest first; null until the first page has been read. */
  readonly items: readonly FeedItem[] | null;
  readonly next: number | null;
  readonly problem: string | null;
}

export interface NewsReader {
  feed(place: { readonly before?: number; readonly after?: number }, signal: AbortSignal): Promise<FeedPage>;
}

export interface NewsStream {
  follow(stream: string, position: Position | null, follower: Follower): () => void;
}

/** The stream of what happens in public. Its events name things; what they are is read over REST. */
const STREAM = "feed";
/** Everybody hears of an event at once; the readings that follow are spread over this long. */
const WITHIN_MS = 1_000;
const MAX_ITEMS = 500;

/** The feed while somebody looks at it. */
export class NewsFeed {
  readonly state = new Observable<NewsState>({ items: null, next: null, problem: null });
  readonly #api: NewsReader;
  readonly #live: NewsStream;
  #reading = new AbortController();
  #unfollow: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(api: NewsReader, live: NewsStream) {
    this.#api = api;
    this.#live = live;
  }

  /** Returns how to leave. */
  open(): () => void {
    void this.read();
    return () => {
      this.#reading.abort();
      this.#unfollow?.();
      this.#unfollow = null;
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
    };
  }

  /** Reads the newest, and follows from there. */
  readonly read = async (): Promise<void> => {
    const page = await this.#read({});
    if (page === null) return;
    this.state.set({ items: page.items, next: page.next, problem: null });
    const { seq, epoch } = page;
    this.#unfollow ??= this.#live.follow(STREAM, { seq, epoch }, {
      event: this.#soon,
      reset: this.#soon,
      ended: () => {
        this.#unfollow = null;
      },
    });
  };

  readonly readOlder = async (): Promise<void> => {
    const { next } = this.state.get();
    if (next === null) return;
    const page = await this.#read({ before: next });
    if (page !== null) this.state.set({ items: [...(this.state.get().items ?? []), ...page.items], next: page.next, problem: null });
  };

  readonly #soon = (): void => {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#readNewer();
    }, Math.random() * WITHIN_MS);
  };

  async #readNewer(): Promise<void> {
    const { items } = this.state.get();
    const newest = items?.[0]?.seq;
    if (newest === undefined) {
      await this.read();
      return;
    }
    const page = await this.#read({ after: newest });
    if (page === null) return;
    const known = this.state.get();
    const all = [...page.items.toReversed(), ...(known.items ?? [])].slice(0, MAX_ITEMS);
    this.state.set({ ...known, items: all, problem: null });
    if (page.next !== null) this.#soon();
  }

  async #read(place: { readonly before?: number; readonly after?: number }): Promise<FeedPage | null> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    try {
      const page = await this.#api.feed(place, signal);
      return signal.aborted ? null : page;
    } catch (error) {
      if (!signal.aborted) {
        this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
      }
      return null;
    }
  }
}
