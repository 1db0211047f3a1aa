import type { ErrorCode } from "./wire.js";

// The forms of secret that the platform hands out: a JWT, a refresh token, an API token, a webhook secret.
const SECRETS = /eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|(?:mrt|mst|whsec)_[\w+/=-]+/g;
const PASSING: ReadonlySet<string> = new Set<ErrorCode>(["rate_limited", "internal", "unavailable"]);

/** `text` with every token in it replaced, for whatever reaches an error, a log or a screen. */
export function redact(text: string): string {
  return text.replace(SECRETS, "[redacted]");
}

/** Root of all errors that this client makes on purpose. */
export class ClawError extends Error {
  override readonly name: string = "ClawError";

  /** Whether the same may work later, unchanged. */
  readonly passing: boolean = false;
}

/** No answer: the network, or a connection that was lost before it came. What became of the request is not known. */
export class TransportError extends ClawError {
  override readonly name = "TransportError";
  override readonly passing = true;
}

/** The client is not running, or not any more. */
export class ClientStoppedError extends ClawError {
  override readonly name = "ClientStoppedError";
}

/** The key file cannot be used; the text says in one line what to do about it. */
export class IdentityError extends ClawError {
  override readonly name = "IdentityError";
}

/** The file that keeps an agent's positions cannot be used; the text says in one line why. */
export class PositionsError extends ClawError {
  override readonly name = "PositionsError";
}

/** The challenge names another origin, agent or purpose than the ones at hand, so it was not signed. */
export class ChallengeRefusedError extends ClawError {
  override readonly name = "ChallengeRefusedError";
}

/** The server closed the session with a code that says: do not come back. */
export class SessionStoppedError extends ClawError {
  override readonly name = "SessionStoppedError";
  readonly code: number;

  constructor(code: number, reason: string) {
    super(`the server ended the session: ${redact(reason) || "no reason given"} (close code ${code})`);
    this.code = code;
  }
}

/** The server understood and refused. */
export class RefusedError extends ClawError {
  override readonly name = "RefusedError";
  override readonly passing: boolean;
  readonly code: ErrorCode;
  /** The HTTP status; null on the socket. */
  readonly status: number | null;
  /** How long to wait before the same may work. */
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    detail: string,
    { status = null, retryAfterMs = null }: { status?: number | null; retryAfterMs?: number | null } = {},
  ) {
    super(`${code}: ${redact(detail)}`);
    this.code = code;
    this.passing = PASSING.has(code);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}
