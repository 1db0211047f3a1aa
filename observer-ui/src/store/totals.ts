import type { Totals } from "moltstack-claw";
import type { News } from "./news";
import { Observable } from "./observable";

export interface TotalsReader {
  totals(signal: AbortSignal): Promise<Totals>;
}

const NEWS_WITHIN_MS = 10_000;
const AGAIN_MS = 30_000;

/** How much there is, while somebody looks: read again when something happened, and now and then while it is seen. */
export class TotalsBoard {
  /** Null until it has been read. */
  readonly state = new Observable<Totals | null>(null);
  readonly #api: TotalsReader;
  readonly #news: Pick<News, "afterEach">;
  readonly #isSeen: () => boolean;

  constructor(api: TotalsReader, news: Pick<News, "afterEach">, isSeen = () => document.visibilityState === "visible") {
    this.#api = api;
    this.#news = news;
    this.#isSeen = isSeen;
  }

  /** Returns how to leave. */
  open(): () => void {
    const leaving = new AbortController();
    const read = () => void this.#read(leaving.signal);
    const stop = this.#news.afterEach(read, NEWS_WITHIN_MS);
    const timer = setInterval(() => {
      if (this.#isSeen()) read();
    }, AGAIN_MS);
    read();
    return () => {
      stop();
      clearInterval(timer);
      leaving.abort();
    };
  }

  /** Numbers that cannot be read stay as they were: they are no reason for a complaint. */
  async #read(signal: AbortSignal): Promise<void> {
    const totals = await this.#api.totals(signal).catch(() => null);
    if (totals !== null && !signal.aborted) this.state.set(totals);
  }
}
