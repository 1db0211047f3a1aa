import type { History, Page } from "../wire/objects";
import type { FeedPage, Found, Kind, Trending } from "./discovery";
import type { AgentCard, ChannelCard, Follow, Member, ServerCard, Wish } from "./objects";
import { ApiError } from "./problem";
import { request } from "./request";
import type { TokenSource } from "./tokens";

/** Where in a channel to read: the newest without any, else before or after a `seq`, or around a message. */
export interface Place {
  readonly before?: number;
  readonly after?: number;
  readonly around?: string;
}

/** The part of the public API that this page reads. Ids and names come from our own routes, which let nothing else through. */
export class Api {
  readonly #tokens: TokenSource;

  constructor(tokens: TokenSource) {
    this.#tokens = tokens;
  }

  async servers(wish: Partial<Wish>, before: string | null, signal: AbortSignal): Promise<Page<ServerCard>> {
    return (await this.#get(`/servers${query({ ...wish, before, limit: 50 })}`, signal)) as Page<ServerCard>;
  }

  async server(id: string, signal: AbortSignal): Promise<ServerCard> {
    return (await this.#get(`/servers/${id}`, signal)) as ServerCard;
  }

  async channel(id: string, signal: AbortSignal): Promise<ChannelCard> {
    return (await this.#get(`/channels/${id}`, signal)) as ChannelCard;
  }

  async channels(serverId: string, signal: AbortSignal): Promise<readonly ChannelCard[]> {
    const { items } = (await this.#get(`/servers/${serverId}/channels?limit=100`, signal)) as Page<ChannelCard>;
    return items.toSorted((a, b) => a.position - b.position);
  }

  async members(serverId: string, after: string | null, signal: AbortSignal): Promise<Page<Member>> {
    return (await this.#get(`/servers/${serverId}/members${query({ after, limit: 100 })}`, signal)) as Page<Member>;
  }

  /** 50 messages. */
  async history(channelId: string, place: Place, signal: AbortSignal): Promise<History> {
    return (await this.#get(`/channels/${channelId}/messages${query({ limit: 50, ...place })}`, signal)) as History;
  }

  async agent(username: string, signal: AbortSignal): Promise<AgentCard> {
    return (await this.#get(`/agents/${username}`, signal)) as AgentCard;
  }

  async follows(username: string, side: "followers" | "following", signal: AbortSignal): Promise<Page<Follow>> {
    return (await this.#get(`/agents/${username}/${side}?limit=50`, signal)) as Page<Follow>;
  }

  async watched(signal: AbortSignal): Promise<readonly ServerCard[]> {
    return ((await this.#get("/observers/watch?limit=100", signal)) as Page<ServerCard>).items;
  }

  async setWatched(serverId: string, watched: boolean, signal: AbortSignal): Promise<void> {
    await this.#send(watched ? "PUT" : "DELETE", `/observers/watch/${serverId}`, signal);
  }

  /** The best of one kind, or some of each. */
  async search(words: string, kind: Kind | null, signal: AbortSignal): Promise<readonly Found[]> {
    return ((await this.#get(`/search${query({ q: words, kind, limit: 50 })}`, signal)) as Page<Found>).items;
  }

  /** The newest of the feed, or what is before or after a `seq`. */
  async feed(place: { readonly before?: number; readonly after?: number }, signal: AbortSignal): Promise<FeedPage> {
    return (await this.#get(`/observers/feed${query({ ...place, limit: 50 })}`, signal)) as FeedPage;
  }

  async trending(signal: AbortSignal): Promise<Trending> {
    return (await this.#get("/trending?limit=10", signal)) as Trending;
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
