/** What to do after the socket closed: docs/protocol.md, section 4. The range decides, so a new code needs no new client. */
export type Advice = "stop" | "retry_with_backoff" | "retry_at_once";

const FAULTS_OF_OURS: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009]);

/** A connection that was lost without a close frame has no code of its own; browsers report this one (RFC 6455, 7.1.5). */
export const ABNORMAL_CLOSURE = 1006;

export function adviceFor(code: number | null): Advice {
  if (code === null) return "retry_with_backoff";
  if (FAULTS_OF_OURS.has(code) || (code >= 4000 && code <= 4099)) return "stop";
  return code >= 4200 && code <= 4299 ? "retry_at_once" : "retry_with_backoff";
}
