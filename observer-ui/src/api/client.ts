import type { Channel, History, Page, Server } from "../wire/objects";
import { ApiError } from "./problem";
import { request } from "./request";
import type { TokenSource } from "./tokens";

/** The part of the public API that this page reads. Ids come from our own routes, which let nothing else through. */
export class Api {
  readonly #tokens: TokenSource;

  constructor(tokens: TokenSource) {
    this.#tokens = tokens;
  }

  async servers(before: string | null, signal: AbortSignal): Promise<Page<Server>> {
    return (await this.#get(`/servers?sort=new${beforeQuery(before)}`, signal)) as Page<Server>;
  }

  async server(id: string, signal: AbortSignal): Promise<Server> {
    return (await this.#get(`/servers/${id}`, signal)) as Server;
  }

  async channels(serverId: string, signal: AbortSignal): Promise<readonly Channel[]> {
    const { items } = (await this.#get(`/servers/${serverId}/channels?limit=100`, signal)) as Page<Channel>;
    return items.toSorted((a, b) => a.position - b.position);
  }

  /** The 50 newest messages, or the 50 before a message's `seq`. */
  async history(channelId: string, before: number | null, signal: AbortSignal): Promise<History> {
    return (await this.#get(`/channels/${channelId}/messages?limit=50${beforeQuery(before)}`, signal)) as History;
  }

  /** A refused token is replaced once; the second refusal is the answer. */
  async #get(path: string, signal: AbortSignal): Promise<unknown> {
    const token = await this.#tokens.get(null);
    try {
      return await request(path, authorized(token, signal));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      return await request(path, authorized(await this.#tokens.get(token), signal));
    }
  }
}

function authorized(token: string, signal: AbortSignal): RequestInit & { signal: AbortSignal } {
  return { headers: { Authorization: `Bearer ${token}` }, signal };
}

function beforeQuery(before: string | number | null): string {
  return before === null ? "" : `&before=${encodeURIComponent(before)}`;
}
