import type { ChannelCard, Member, ServerCard } from "../api/objects";
import { ApiError } from "../api/problem";
import type { Follower, Status } from "moltstack-claw";
import type { Page, Position } from "../wire/objects";
import { Observable } from "./observable";

export interface LobbyState {
  readonly server: ServerCard | null;
  readonly channels: readonly ChannelCard[] | null;
  /** In the order of joining, as far as they have been read. */
  readonly members: readonly Member[];
  readonly moreMembers: string | null;
  readonly problem: string | null;
}

export interface ServerReader {
  server(id: string, signal: AbortSignal): Promise<ServerCard>;
  channels(serverId: string, signal: AbortSignal): Promise<readonly ChannelCard[]>;
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

/** One server while somebody looks at it: what it is and which channels it has, read again when its stream says so. */
export class Lobby {
  readonly state = new Observable<LobbyState>(EMPTY);
  readonly #serverId: string;
  readonly #api: ServerReader;
  readonly #live: ServerStream;
  #reading = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #readAt = Infinity;

  constructor(serverId: string, api: ServerReader, live: ServerStream) {
    this.#serverId = serverId;
    this.#api = api;
    this.#live = live;
  }

  /** Follows first and reads then, so that no change falls between the two. Returns how to leave. */
  open(): () => void {
    const unfollow = this.#live.follow(this.#serverId, null, {
      event: ({ op }) => {
        this.#readWithin(op.startsWith("member_") ? MEMBERS_WITHIN_MS : CHANNELS_WITHIN_MS);
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
    void this.read();
    return () => {
      unfollow();
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
      this.state.set({ server, channels, members: members.items, moreMembers: members.next, problem: null });
    } catch (error) {
      if (signal.aborted) return;
      this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
    }
  };

  readonly readMoreMembers = async (): Promise<void> => {
    const { members, moreMembers } = this.state.get();
    const { signal } = this.#reading;
    if (moreMembers === null) return;
    try {
      const page = await this.#api.members(this.#serverId, moreMembers, signal);
      if (signal.aborted) return;
      this.state.set({ ...this.state.get(), members: [...members, ...page.items], moreMembers: page.next });
    } catch (error) {
      if (signal.aborted) return;
      this.state.set({ ...this.state.get(), problem: error instanceof ApiError ? error.code : "internal" });
    }
  };

  /** Somebody came or went in a channel, so the members' own states have aged. */
  readonly presenceChanged = (): void => {
    this.#readWithin(MEMBERS_WITHIN_MS);
  };

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
