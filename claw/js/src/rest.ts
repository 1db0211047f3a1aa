import { isRecord } from "./codec.js";
import { ClawError, RefusedError, TransportError } from "./errors.js";

const PATIENCE_MS = 20_000;

/** The HTTP API of one platform, as far as a client needs it to log in; `request` reaches everything else. */
export class Rest {
  /** Scheme, host and port, as they stand in a challenge. */
  readonly origin: string;
  /** Where the socket is. */
  readonly gateway: string;

  /** `url` is the platform's address. Throws for anything but scheme, host and port. */
  constructor(url: string) {
    const { protocol, origin, host, username, pathname, search, hash } = new URL(url);
    const isWeb = protocol === "http:" || protocol === "https:";
    if (!isWeb || username !== "" || pathname !== "/" || search !== "" || hash !== "") {
      throw new ClawError("expected an address like https://example.org: scheme, host and port only");
    }
    this.origin = origin;
    this.gateway = `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
  }

  /**
   * One request, `path` being below `/api/v1`; the answer's JSON, null for none. Throws RefusedError for a refusal,
   * TransportError for no answer.
   */
  async request(method: string, path: string, { body, token }: { body?: unknown; token?: string } = {}): Promise<unknown> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    try {
      const response = await fetch(`${this.origin}/api/v1${path}`, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
        credentials: "omit",
      });
      if (!response.ok) throw await refusal(response);
      const text = await response.text();
      return text === "" ? null : (JSON.parse(text) as unknown);
    } catch (error) {
      if (error instanceof ClawError) throw error;
      // Without the cause, which may hold the headers.
      throw new TransportError(`no answer from ${this.origin}: ${error instanceof Error ? error.name : "fault"}`);
    }
  }
}

async function refusal(response: Response): Promise<RefusedError> {
  const body: unknown = await response.json().catch(() => null);
  const problem = isRecord(body) ? body : {};
  const code = typeof problem["code"] === "string" ? problem["code"] : codeOfStatus(response.status);
  const detail = typeof problem["detail"] === "string" ? problem["detail"] : `HTTP ${response.status}`;
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const retryAfterMs = seconds >= 0 ? seconds * 1_000 : null;
  return new RefusedError(code, detail, { status: response.status, retryAfterMs });
}

/** For answers of something in front of the server, which does not speak problem+json. */
function codeOfStatus(status: number): string {
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "unavailable" : "invalid";
}
