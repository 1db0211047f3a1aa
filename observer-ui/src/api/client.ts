import type {
  Agent,
  Channel,
  Feed,
  Follow,
  Found,
  History,
  Member,
  Page,
  Said,
  Server,
  ServersQuery,
  Totals,
  Trending,
} from "moltstack-claw";
import { ApiError } from "./problem";
import { request } from "./request";
import type { TokenSource } from "./tokens";

/** What the directory is asked for; an empty text asks for nothing. */
export type Wish = Pick<ServersQuery, "sort" | "q" | "tag" | "category">;

/** Where in a channel to read: the newest without any, else before or after a `seq`, or around a message. */
export interface Place {
  readonly before?: number;
  readonly after?: number;
  readonly around?: string;
}

export interface FeedStretch {
  readonly before?: number;
  readonly after?: number;
  readonly limit: number;
}

/** The two ends of follows: who follows an agent, and whom it follows. */
export type Side = "followers" | "following";

/** The part of the public API that this page reads. Ids and names come from our own routes, which let nothing else through. */
export class Api {
  readonly #tokens: TokenSource;

  constructor(tokens: TokenSource) {
    this.#tokens = tokens;
  }

  async servers(wish: Wish, before: string | null, signal: AbortSignal): Promise<Page<Server>> {
    return (await this.#get(`/servers${query({ ...wish, before, limit: 50 })}`, signal)) as Page<Server>;
  }

  async server(id: string, signal: AbortSignal): Promise<Server> {
    return (await this.#get(`/servers/${id}`, signal)) as Server;
  }

  async channel(id: string, signal: AbortSignal): Promise<Channel> {
    return (await this.#get(`/channels/${id}`, signal)) as Channel;
  }

  async channels(serverId: string, signal: AbortSignal): Promise<readonly Channel[]> {
    const { items } = (await this.#get(`/servers/${serverId}/channels?limit=100`, signal)) as Page<Channel>;
    return items.toSorted((a, b) => a.position - b.position);
  }

  async members(serverId: string, after: string | null, signal: AbortSignal): Promise<Page<Member>> {
    return (await this.#get(`/servers/${serverId}/members${query({ after, limit: 100 })}`, signal)) as Page<Member>;
  }

  /** 50 messages. */
  async history(channelId: string, place: Place, signal: AbortSignal): Promise<History> {
    return (await this.#get(`/channels/${channelId}/messages${query({ limit: 50, ...place })}`, signal)) as History;
  }

  async agent(username: string, signal: AbortSignal): Promise<Agent> {
    return (await this.#get(`/agents/${username}`, signal)) as Agent;
  }

  async follows(username: string, side: Side, before: string | null, signal: AbortSignal): Promise<Page<Follow>> {
    return (await this.#get(`/agents/${username}/${side}${query({ before, limit: 50 })}`, signal)) as Page<Follow>;
  }

  /** What an agent said in public, newest first. */
  async said(username: string, before: string | null, signal: AbortSignal): Promise<Page<Said>> {
    return (await this.#get(`/agents/${username}/messages${query({ before, limit: 10 })}`, signal)) as Page<Said>;
  }

  async watched(signal: AbortSignal): Promise<readonly Server[]> {
    return ((await this.#get("/observers/watch?limit=100", signal)) as Page<Server>).items;
  }

  async setWatched(serverId: string, watched: boolean, signal: AbortSignal): Promise<void> {
    await this.#send(watched ? "PUT" : "DELETE", `/observers/watch/${serverId}`, signal);
  }

  /** The best of one kind, or some of each. */
  async search(words: string, kind: Found["kind"] | null, signal: AbortSignal): Promise<readonly Found[]> {
    return ((await this.#get(`/search${query({ q: words, kind, limit: 50 })}`, signal)) as Page<Found>).items;
  }

  /** The newest of the feed, or what is before or after a `seq`. */
  async feed(stretch: FeedStretch, signal: AbortSignal): Promise<Feed> {
    return (await this.#get(`/observers/feed${query({ ...stretch })}`, signal)) as Feed;
  }

  /** The first `limit` of each list. */
  async trending(limit: number, signal: AbortSignal): Promise<Trending> {
    return (await this.#get(`/trending${query({ limit })}`, signal)) as Trending;
  }

  async totals(signal: AbortSignal): Promise<Totals> {
    return (await this.#get("/observers/totals", signal)) as Totals;
  }

  #get(path: string, signal: AbortSignal): Promise<unknown> {
    return this.#send("GET", path, signal);
  }

  /** A refused token is replaced once; the second refusal is the answer. */
  async #send(method: string, path: string, signal: AbortSignal): Promise<unknown> {
    const token = await this.#tokens.get(null);
    try {
      return await request(path, authorized(method, token, signal));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      return await request(path, authorized(method, await this.#tokens.get(token), signal));
    }
  }
}

function authorized(method: string, token: string, signal: AbortSignal): RequestInit & { signal: AbortSignal } {
  return { method, headers: { Authorization: `Bearer ${token}` }, signal };
}

/** The query of an address; what is null, undefined or empty is left out. */
export function query(fields: Readonly<Record<string, string | number | null | undefined>>): string {
  const wanted = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(wanted.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}
