import type { Feed, FeedItem } from "moltstack-claw";
import type { FeedStretch } from "../api/client";
import { ApiError } from "../api/problem";
import type { News } from "./news";
import { Observable } from "./observable";

export interface NewsState {
  /** Newest first; null until the first page has been read. */
  readonly items: readonly FeedItem[] | null;
  readonly next: number | null;
  readonly problem: string | null;
}

export interface NewsReader {
  feed(stretch: FeedStretch, signal: AbortSignal): Promise<Feed>;
}

const WITHIN_MS = 1_000;
const MAX_ITEMS = 500;
const PAGE = 50;

/** The feed while somebody looks at it. */
export class NewsFeed {
  readonly state = new Observable<NewsState>({ items: null, next: null, problem: null });
  readonly #api: NewsReader;
  readonly #news: Pick<News, "afterEach">;
  readonly #limit: number;
  #epoch: string | null = null;
  #reading = new AbortController();

  /** `limit` is how many are read at once. */
  constructor(api: NewsReader, news: Pick<News, "afterEach">, limit = PAGE) {
    this.#api = api;
    this.#news = news;
    this.#limit = limit;
  }

  /** Listens first and reads then, so that nothing falls between the two. Returns how to leave. */
  open(): () => void {
    const stop = this.#news.afterEach(() => void this.#readNewer(), WITHIN_MS);
    void this.read();
    return () => {
      stop();
      this.#reading.abort();
    };
  }

  /** Reads the newest, and forgets what was known. */
  readonly read = async (): Promise<void> => {
    const page = await this.#read({});
    if (page !== null) this.state.set({ items: page.items, next: page.next, problem: null });
  };

  readonly readOlder = async (): Promise<void> => {
    const { items, next } = this.state.get();
    if (next === null) return;
    const page = await this.#read({ before: next });
    if (page !== null) this.state.set({ items: [...(items ?? []), ...page.items], next: page.next, problem: null });
  };

  /** With a log that began anew, or with more that is new than a page holds, the newest are read instead. */
  async #readNewer(): Promise<void> {
    const { items, next } = this.state.get();
    const newest = items?.[0]?.seq;
    const epoch = this.#epoch;
    if (items === null || newest === undefined) return this.read();
    const page = await this.#read({ after: newest });
    if (page === null) return;
    if (page.epoch !== epoch || page.next !== null) return this.read();
    const all = [...page.items.toReversed(), ...items];
    const kept = all.slice(0, MAX_ITEMS);
    this.state.set({ items: kept, next: all.length > MAX_ITEMS ? (kept.at(-1)?.seq ?? null) : next, problem: null });
  }

  async #read(place: Omit<FeedStretch, "limit">): Promise<Feed | null> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    try {
      const page = await this.#api.feed({ ...place, limit: this.#limit }, signal);
      if (signal.aborted) return null;
      this.#epoch = page.epoch;
      return page;
    } catch (error) {
      if (!signal.aborted) {
        this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
      }
      return null;
    }
  }
}
