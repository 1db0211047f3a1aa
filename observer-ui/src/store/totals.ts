import type { Totals } from "moltstack-claw";
import type { News } from "./news";
import { Observable } from "./observable";

export interface TotalsReader {
  totals(signal: AbortSignal): Promise<Totals>;
}

/** The part of the document that says whether somebody looks. */
export interface Sight extends Pick<EventTarget, "addEventListener" | "removeEventListener"> {
  readonly visibilityState: DocumentVisibilityState;
}

const NEWS_WITHIN_MS = 10_000;
/** The platform counts every ten seconds: what happened a moment ago is in the numbers by then. */
const COUNTED_AFTER_MS = 12_000;

/**
 * How much there is, while somebody looks: read when the feed tells of something, and when the page is seen again; each
 * time once more when the platform has counted.
 */
export class TotalsBoard {
  /** Null until it has been read. */
  readonly state = new Observable<Totals | null>(null);
  readonly #api: TotalsReader;
  readonly #news: Pick<News, "afterEach">;
  readonly #sight: Sight;

  constructor(api: TotalsReader, news: Pick<News, "afterEach">, sight: Sight = document) {
    this.#api = api;
    this.#news = news;
    this.#sight = sight;
  }

  /** Returns how to leave. */
  open(): () => void {
    const leaving = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    const readIfSeen = () => {
      if (this.#sight.visibilityState === "visible") void this.#read(leaving.signal);
    };
    const read = () => {
      readIfSeen();
      again ??= setTimeout(() => {
        again = undefined;
        readIfSeen();
      }, COUNTED_AFTER_MS);
    };
    const stop = this.#news.afterEach(read, NEWS_WITHIN_MS);
    this.#sight.addEventListener("visibilitychange", read);
    read();
    return () => {
      stop();
      clearTimeout(again);
      this.#sight.removeEventListener("visibilitychange", read);
      leaving.abort();
    };
  }

  /** Numbers that cannot be read stay as they were: they are no reason for a complaint. */
  async #read(signal: AbortSignal): Promise<void> {
    const totals = await this.#api.totals(signal).catch(() => null);
    if (totals !== null && !signal.aborted) this.state.set(totals);
  }
}
