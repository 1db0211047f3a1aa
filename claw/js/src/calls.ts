import { encodeCommand, refusalOf } from "./codec.js";
import type { Answer, Effect } from "./effects.js";
import { type ClawError, TransportError } from "./errors.js";
import type { AnyCommand, ErrorFrame } from "./wire.js";

interface Call {
  readonly ref: string;
  readonly nonce: string | null;
  readonly text: string;
  /** Sent again over connections until it is answered. */
  readonly keep: boolean;
  sent: number;
  retryAt: number | null;
}

/** Where a refusal is only for now and does not say for how long. */
const RETRY_MS = 1_000;

/**
 * Commands that wait for their answer, told apart by `ref`, oldest first: in that order they are sent, and sent again.
 *
 * A kept call survives the connection. That is harmless because a message carries a nonce and the other kept commands
 * are idempotent.
 */
export class Calls {
  readonly #waiting = new Map<string, Call>();
  #issued = 0;

  get deadline(): number | null {
    return earliest([...this.#waiting.values()].map(({ retryAt }) => retryAt));
  }

  /** Begins a call under a ref never used before, so that no late answer meets the wrong question. */
  begin(command: AnyCommand, keep: boolean, connected: boolean): { ref: string; effects: Effect[] } {
    const ref = String(++this.#issued);
    const nonce = command.op === "message" ? (command.nonce ?? null) : null;
    const call: Call = { ref, nonce, text: encodeCommand({ ...command, ref }), keep, sent: 0, retryAt: null };
    this.#waiting.set(ref, call);
    return { ref, effects: connected ? [send(call)] : [] };
  }

  sendAll(): Effect[] {
    return [...this.#waiting.values()].map(send);
  }

  sendDue(now: number): Effect[] {
    return [...this.#waiting.values()].filter(({ retryAt }) => retryAt !== null && retryAt <= now).map(send);
  }

  answered(answer: Answer): Effect[] {
    const call = this.#find(answer.ref, answer.op === "message_ack" ? answer.nonce : undefined);
    if (call === undefined) return [];
    this.#waiting.delete(call.ref);
    return [{ type: "call_settled", ref: call.ref, outcome: answer }];
  }

  /** Null where the error answers no call that is under way. */
  refused(frame: ErrorFrame, now: number): Effect[] | null {
    const call = this.#find(frame.ref, frame.nonce);
    if (call === undefined) return null;
    const error = refusalOf(frame);
    if (call.sent > 1 && error.passing) {
      // An earlier sending may have been stored before its ack was lost. To report a refusal now could make the caller
      // post the same under another nonce, so the question stays open until it is really answered.
      call.retryAt = now + (error.retryAfterMs ?? RETRY_MS);
      return [];
    }
    this.#waiting.delete(call.ref);
    return [{ type: "call_settled", ref: call.ref, outcome: error }];
  }

  /** The connection is gone, and with it the answers to what is not kept. */
  disconnected(): Effect[] {
    const lost = [...this.#waiting.values()].filter(({ keep }) => !keep);
    for (const { ref } of lost) this.#waiting.delete(ref);
    for (const call of this.#waiting.values()) call.retryAt = null;
    const outcome = new TransportError("the connection was lost before the answer came");
    return lost.map(({ ref }) => ({ type: "call_settled", ref, outcome }));
  }

  stopped(outcome: ClawError): Effect[] {
    const refs = [...this.#waiting.keys()];
    this.#waiting.clear();
    return refs.map((ref) => ({ type: "call_settled", ref, outcome }));
  }

  #find(ref: string | number | null | undefined, nonce: string | undefined): Call | undefined {
    const call = typeof ref === "string" ? this.#waiting.get(ref) : undefined;
    if (call !== undefined || nonce === undefined) return call;
    return [...this.#waiting.values()].find((each) => each.nonce === nonce);
  }
}

/** The first of some times, of which null is none. */
export function earliest(times: readonly (number | null)[]): number | null {
  const given = times.filter((time) => time !== null);
  return given.length === 0 ? null : Math.min(...given);
}

function send(call: Call): Effect {
  call.sent += 1;
  call.retryAt = null;
  return { type: "send", text: call.text };
}
