import { FEED, type FeedEvent, type Follower, type Position } from "moltstack-claw";

export interface NewsStream {
  follow(stream: string, position: Position | null, follower: Follower): () => void;
}

/** Null: some of what happened went by unheard. */
type Listener = (event: FeedEvent | null) => void;

/**
 * Tells that something happened in public, for as long as the page is open. Its events only name things, so whoever
 * shows them reads again; and since everybody hears of an event at once, each in its own time.
 */
export class News {
  readonly #listeners = new Set<Listener>();

  constructor(live: NewsStream) {
    const tell: Listener = (event) => {
      for (const listener of this.#listeners) listener(event);
    };
    // What happened between a reading and this moment was told to others only.
    let isHeard = false;
    live.follow(FEED, null, {
      live: () => {
        if (!isHeard) tell(null);
        isHeard = true;
      },
      event: (frame) => {
        if (frame.op === "feed") tell(frame);
      },
      reset: () => {
        tell(null);
      },
      ended: () => undefined,
    });
  }

  /** Calls `listener` at each happening. Returns how to stop. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Runs `act` at some moment within `ms` after each happening, once for those before it. Returns how to stop. */
  afterEach(act: () => void, ms: number): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = this.listen(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        act();
      }, Math.random() * ms);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }
}
