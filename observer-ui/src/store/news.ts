import { FEED, type Follower } from "moltstack-claw";
import type { Position } from "../wire/objects";
import { Observable } from "./observable";

export interface NewsStream {
  follow(stream: string, position: Position | null, follower: Follower): () => void;
}

/**
 * Tells that something happened in public, for as long as the page is open. Its events only name things, so whoever
 * shows them reads again; and since everybody hears of an event at once, each in its own time.
 */
export class News {
  /** Another number each time. */
  readonly heard = new Observable(0);

  constructor(live: NewsStream) {
    const tell = () => {
      this.heard.set(this.heard.get() + 1);
    };
    live.follow(FEED, null, { event: tell, reset: tell, ended: () => undefined });
  }

  /** Runs `act` at some moment within `ms` after each happening, once for those before it. Returns how to stop. */
  afterEach(act: () => void, ms: number): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = this.heard.subscribe(() => {
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
