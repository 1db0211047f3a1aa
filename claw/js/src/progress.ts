import { INBOX, type Position, type StreamFrame } from "./events.js";
import type { InboxState, Subscribed } from "./wire.js";

/** Where it is kept how far an agent has handled each stream: on disk by `positionsFile`, in a browser where one likes. */
export interface Positions {
  /** The last place that was noted; null for none. */
  get(stream: string): Position | null;
  /** Everything up to there was handled. Resolves once that is kept. */
  note(stream: string, position: Position): Promise<void>;
}

/** How far the application has come in each stream: which frames were handed on, which were handled. */
export class Progress {
  readonly #positions: Positions | null;
  /** Where a frame stands. The life of its log is that of the moment in which it was handed on. */
  readonly #places = new WeakMap<object, { readonly stream: string; readonly position: Position }>();

  constructor(positions: Positions | null) {
    this.#positions = positions;
  }

  of(stream: string): Position | null {
    return this.#positions?.get(stream) ?? null;
  }

  /** The frame is being handed to the application; `position` is that of its stream. */
  handed(stream: string, frame: StreamFrame, position: Position | null): void {
    if ("seq" in frame && position !== null) this.#places.set(frame, { stream, position });
  }

  /**
   * The stream is followed. Where nothing was noted of it a restart goes on from here, not from its head; resolves with
   * up to where an inbox was handled without the platform knowing it.
   */
  async live(stream: string, answer: Subscribed, inbox: InboxState | null): Promise<number | null> {
    const { seq, replayed, epoch, recovered } = answer;
    const handled = this.of(stream);
    if (handled !== null) {
      const unsaid = stream === INBOX && inbox !== null && handled.epoch === epoch && inbox.acked < handled.seq;
      return unsaid ? handled.seq : null;
    }
    if (recovered !== "reset") await this.#positions?.note(stream, { seq: seq - replayed, epoch });
    return null;
  }

  /** Everything up to this frame was handled; resolves with the seq to acknowledge, where there is one. */
  async done(frame: StreamFrame): Promise<number | null> {
    const place = this.#places.get(frame);
    if (place === undefined) return null;
    await this.#positions?.note(place.stream, place.position);
    return place.stream === INBOX ? place.position.seq : null;
  }
}
