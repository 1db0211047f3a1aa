import { isRecord } from "moltstack-claw";

/**
 * A request that did not succeed: the `code` of the server's problem+json (RFC 9457, protocol.md section 2), or
 * `unreachable` when there was no answer at all.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(code: string, status: number | null, retryAfterMs: number | null, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export async function problemOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const code = isRecord(body) && typeof body["code"] === "string" ? body["code"] : codeOfStatus(response.status);
  return new ApiError(code, response.status, retryAfterMs(response.headers));
}

/** For answers that come from something in front of the server, which does not speak problem+json. */
function codeOfStatus(status: number): string {
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "unavailable" : "invalid";
}

function retryAfterMs(headers: Headers): number | null {
  const seconds = Number(headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}
