import type { Channel, Follower, Member, Page, Position, Server, Status, StreamFrame } from "moltstack-claw";
import { ApiError } from "../api/problem";
import type { News } from "./news";
import { Observable } from "./observable";

export interface LobbyState {
  readonly server: Server | null;
  readonly channels: readonly Channel[] | null;
  /** By name, as far as they have been read. */
  readonly members: readonly Member[];
  readonly moreMembers: string | null;
  readonly problem: string | null;
}

export interface ServerReader {
  server(id: string, signal: AbortSignal): Promise<Server>;
  channels(serverId: string, signal: AbortSignal): Promise<readonly Channel[]>;
  members(serverId: string, after: string | null, signal: AbortSignal): Promise<Page<Member>>;
}

export interface ServerStream {
  readonly status: Pick<Observable<Status>, "get" | "subscribe">;
  follow(stream: string, position: Position | null, follower: Follower): () => void;
}

const EMPTY: LobbyState = { server: null, channels: null, members: [], moreMembers: null, problem: null };

/** Events are told to everyone at once; the readings that follow are spread over this long. */
const CHANNELS_WITHIN_MS = 1_000;
const MEMBERS_WITHIN_MS = 10_000;

/**
 * One server while somebody looks at it: what it is, which channels it has and how far those are, read again when its
 * stream or the feed says so.
 */
export class Lobby {
  readonly state = new Observable<LobbyState>(EMPTY);
  readonly #serverId: string;
  readonly #api: ServerReader;
  readonly #live: ServerStream;
  readonly #news: Pick<News, "listen">;
  #visit = new AbortController();
  #reading = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #readAt = Infinity;

  constructor(serverId: string, api: ServerReader, live: ServerStream, news: Pick<News, "listen">) {
    this.#serverId = serverId;
    this.#api = api;
    this.#live = live;
    this.#news = news;
  }

  /**
   * Follows first and reads then, so that no change falls between the two; without a connection it reads at once, and
   * again when there is one. Returns how to leave.
   */
  open(): () => void {
    let isFollowed = false;
    const unfollow = this.#live.follow(this.#serverId, null, {
      live: () => {
        if (!isFollowed) void this.read();
        isFollowed = true;
      },
      event: (frame) => {
        this.#heard(frame);
      },
      reset: () => {
        this.#readWithin(CHANNELS_WITHIN_MS);
      },
      ended: () => {
        this.#readWithin(CHANNELS_WITHIN_MS);
      },
    });
    const stopWatching = this.#live.status.subscribe(() => {
      if (this.#live.status.get().state === "live" && this.state.get().problem !== null) void this.read();
    });
    const stopListening = this.#news.listen((event) => {
      if (event?.server === this.#serverId) this.#readWithin(CHANNELS_WITHIN_MS);
    });
    this.#visit = new AbortController();
    if (this.#live.status.get().state !== "live") void this.read();
    return () => {
      this.#visit.abort();
      unfollow();
      stopListening();
      stopWatching();
      this.#reading.abort();
      this.#cancelTimer();
    };
  }

  readonly read = async (): Promise<void> => {
    this.#cancelTimer();
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    try {
      const [server, channels, members] = await Promise.all([
        this.#api.server(this.#serverId, signal),
        this.#api.channels(this.#serverId, signal),
        this.#api.members(this.#serverId, null, signal),
      ]);
      if (signal.aborted) return;
      this.state.set({ server, channels, ...this.#withFirst(members), problem: null });
    } catch (error) {
      if (signal.aborted) return;
      this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
    }
  };

  readonly readMoreMembers = async (): Promise<void> => {
    const { moreMembers } = this.state.get();
    const { signal } = this.#visit;
    if (moreMembers === null) return;
    try {
      const page = await this.#api.members(this.#serverId, moreMembers, signal);
      if (signal.aborted) return;
      const members = [...without(this.state.get().members, page.items), ...page.items];
      this.state.set({ ...this.state.get(), members, moreMembers: page.next });
    } catch (error) {
      if (signal.aborted) return;
      this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
    }
  };

  /** The visitor went to another channel: the others have aged. */
  readonly visited = (): void => {
    if (this.state.get().channels !== null) this.#readWithin(CHANNELS_WITHIN_MS);
  };

  /** Somebody came or went in a channel, so the members' own states have aged. */
  readonly presenceChanged = (): void => {
    this.#readWithin(MEMBERS_WITHIN_MS);
  };

  /** The first page read anew, and what was read behind it before. */
  #withFirst({ items, next }: Page<Member>): Pick<LobbyState, "members" | "moreMembers"> {
    const { members, moreMembers } = this.state.get();
    const behind = next === null ? [] : without(members, items);
    return { members: [...items, ...behind], moreMembers: behind.length === 0 ? next : moreMembers };
  }

  #heard(frame: StreamFrame): void {
    const isGone = frame.op === "member_left" || (frame.op === "member_banned" && (frame.channel ?? null) === null);
    if (isGone) {
      const { members } = this.state.get();
      this.state.set({ ...this.state.get(), members: members.filter(({ agent }) => agent.id !== frame.agent.id) });
    }
    this.#readWithin(frame.op.startsWith("member_") ? MEMBERS_WITHIN_MS : CHANNELS_WITHIN_MS);
  }

  #readWithin(ms: number): void {
    const at = Date.now() + Math.random() * ms;
    if (at >= this.#readAt) return;
    clearTimeout(this.#timer);
    this.#readAt = at;
    this.#timer = setTimeout(() => void this.read(), at - Date.now());
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#readAt = Infinity;
  }
}

function without(members: readonly Member[], others: readonly Member[]): readonly Member[] {
  const ids = new Set(others.map(({ agent }) => agent.id));
  return members.filter(({ agent }) => !ids.has(agent.id));
}
