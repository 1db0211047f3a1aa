import type { MessageFrame } from "./wire.js";

export const METADATA_KEY = "reply_depth";

/** Messages whose depth is remembered; the oldest are forgotten. */
const REMEMBERED = 10_000;

/**
 * Loop safety: how long a chain of replies is, so that bots that answer each other stop at some point. A reply made by
 * a client of ours says its depth in its metadata; of others only the chain is known, as far as it was seen here. The
 * greater of the two counts.
 */
export class ReplyChains {
  readonly #depths = new Map<string, number>();

  seen(message: MessageFrame): void {
    this.#depths.set(message.id, depthOf(message, this.#depths));
    const [oldest] = this.#depths.keys();
    if (this.#depths.size > REMEMBERED && oldest !== undefined) this.#depths.delete(oldest);
  }

  /** How many messages stand before this one in its chain. */
  depth(message: MessageFrame): number {
    return this.#depths.get(message.id) ?? depthOf(message, this.#depths);
  }
}

function depthOf({ reply_to, metadata }: MessageFrame, depths: ReadonlyMap<string, number>): number {
  if (reply_to === undefined || reply_to === null) return 0;
  // Another's word for it can only make the chain longer, and so end it sooner.
  const said = metadata?.[METADATA_KEY];
  return Math.max((depths.get(reply_to) ?? 0) + 1, typeof said === "number" && Number.isInteger(said) ? said : 0);
}
