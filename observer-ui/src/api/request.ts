import { ApiError, problemOf } from "./problem";

const BASE = "/api/v1";
const PATIENCE_MS = 20_000;

/**
 * One request to the API of the host that served this page; null where the answer has no body.
 *
 * @throws ApiError for a refusal and for no answer; the signal's reason when the caller gave up.
 */
export async function request(path: string, init: RequestInit & { signal: AbortSignal | null }): Promise<unknown> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const signal = init.signal === null ? timeout : AbortSignal.any([init.signal, timeout]);
  try {
    const response = await fetch(BASE + path, { ...init, signal, credentials: "omit" });
    if (!response.ok) throw await problemOf(response);
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    init.signal?.throwIfAborted();
    throw new ApiError("unreachable", null, null, { cause: error });
  }
}

/** The request that sends `body` as JSON. */
export function posting(body: unknown, token: string | null = null): RequestInit & { signal: null } {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (token !== null) headers["Authorization"] = `Bearer ${token}`;
  return { method: "POST", headers, body: JSON.stringify(body), signal: null };
}
