/** When to come back after a connection ended: the close-code ranges of protocol.md section 4. */

export type Verdict = "stop" | "wait" | "at_once";

/** A lost connection has no close code of its own; browsers report this one (RFC 6455, section 7.1.5). */
export const ABNORMAL_CLOSURE = 1006;

const TOKEN_REFUSED = 4001;
const TOKEN_EXPIRED = 4200;
const FAULTS_OF_OURS = new Set([1002, 1003, 1007, 1008, 1009]);

const BASE_MS = 1_000;
const CAP_MS = 30_000;

export function verdictOf(code: number): Verdict {
  // 4001 means "log in anew first". For a guest that is one request, so we do it and come back, with a wait.
  if (code === TOKEN_REFUSED) return "wait";
  if (code >= 4000 && code <= 4099) return "stop";
  if (code >= 4200 && code <= 4299) return "at_once";
  return FAULTS_OF_OURS.has(code) ? "stop" : "wait";
}

export function spoilsToken(code: number): boolean {
  return code === TOKEN_REFUSED || code === TOKEN_EXPIRED;
}

/**
 * Full jitter: anywhere between nothing and a bound that doubles with each failure. A crowd that lost the same
 * server comes back spread out.
 */
export function backoffMs(failures: number, random: () => number): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** failures);
}
