import type { Place } from "../api/client";
import { ApiError } from "../api/problem";
import type { Follower, History, Position, Status, StreamFrame } from "moltstack-claw";
import { type Company, NOBODY, spoke, stillTyping, typed, type Typists, withPresence } from "./company";
import { Observable, type Schedule } from "./observable";
import { advance, EMPTY, type Timeline, type TimelineAction } from "./timeline";

export interface RoomState {
  /** `closed`: nothing more will come; `problem` then holds the reason. */
  readonly phase: "loading" | "ready" | "failed" | "closed";
  /** The code of what went wrong, while joining or while reading older messages. */
  readonly problem: string | null;
  readonly timeline: Timeline;
  /** The `seq` of the stream's newest event, as far as it is known here. */
  readonly head: number;
  readonly company: Company;
  readonly typists: Typists;
}

/** What a room needs of the API and of the socket. */
export interface RoomHistory {
  history(channelId: string, place: Place, signal: AbortSignal): Promise<History>;
}

export interface RoomStream {
  readonly status: Pick<Observable<Status>, "get" | "subscribe">;
  follow(stream: string, position: Position | null, follower: Follower): () => void;
}

const EMPTY_ROOM: RoomState = { phase: "loading", problem: null, timeline: EMPTY, head: 0, company: NOBODY, typists: new Map() };

/** One channel while somebody watches it: its history over REST, joined to its stream on the socket. */
export class Room {
  readonly state: Observable<RoomState>;
  readonly #channelId: string;
  readonly #api: RoomHistory;
  readonly #live: RoomStream;
  #reading = new AbortController();
  #unfollow: (() => void) | null = null;
  #forgetTypists: ReturnType<typeof setTimeout> | undefined;

  constructor(channelId: string, api: RoomHistory, live: RoomStream, schedule?: Schedule) {
    this.#channelId = channelId;
    this.#api = api;
    this.#live = live;
    this.state = new Observable(EMPTY_ROOM, schedule);
  }

  /** Joins, at the newest or around a message; returns how to leave. A room may be opened again. */
  open(around: string | null = null): () => void {
    this.state.set(EMPTY_ROOM);
    const stopWatching = this.#live.status.subscribe(() => {
      if (this.#live.status.get().state === "live" && this.state.get().phase === "failed") this.retry();
    });
    void this.#join(around);
    return () => {
      stopWatching();
      this.#reading.abort();
      this.#unfollow?.();
      this.#unfollow = null;
      clearTimeout(this.#forgetTypists);
    };
  }

  retry(): void {
    this.#update({ phase: "loading", problem: null });
    void this.#join(null);
  }

  readonly jumpToNewest = (): void => {
    if (this.state.get().timeline.detached) this.#startOver();
    else this.setFollowing(true);
  };

  readonly setFollowing = (following: boolean): void => {
    this.#advance({ type: "following", following });
  };

  readonly readOlder = async (): Promise<void> => {
    const { phase, timeline } = this.state.get();
    const oldest = timeline.rows[0];
    if (phase !== "ready" || oldest === undefined || !timeline.hasOlder || timeline.reading) return;
    await this.#read({ before: oldest.message.seq }, "older");
  };

  readonly readNewer = async (): Promise<void> => {
    const { phase, timeline } = this.state.get();
    const newest = timeline.rows.at(-1);
    if (phase !== "ready" || newest === undefined || !timeline.detached || timeline.reading) return;
    await this.#read({ after: newest.message.seq }, "newer");
  };

  #startOver(): void {
    this.#advance({ type: "reset" });
    this.#update({ phase: "loading", problem: null });
    void this.#join(null);
  }

  /** A message that is not there is no reason to show nothing: the newest are read instead. */
  async #join(around: string | null): Promise<void> {
    let page = around === null ? "failed" : await this.#read({ around }, "around");
    if (page === "failed") page = await this.#read({}, "newest");
    if (page === "failed" || page === "abandoned") return;
    this.#update({ phase: "ready" });
    const { seq, epoch } = page;
    this.#unfollow ??= this.#live.follow(this.#channelId, { seq, epoch }, this.#follower());
  }

  /** A new reading puts an end to the one under way, which is then abandoned. */
  async #read(place: Place, type: "newest" | "older" | "newer" | "around"): Promise<History | "failed" | "abandoned"> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#advance({ type: "reading" });
    this.#update({ problem: null });
    try {
      const page = await this.#api.history(this.#channelId, place, signal);
      signal.throwIfAborted();
      this.#advance({ type, page });
      this.#sawHead(page.seq);
      return page;
    } catch (error) {
      if (signal.aborted) return "abandoned";
      this.#advance({ type: "reading_failed" });
      const problem = error instanceof ApiError ? error.code : "internal";
      this.#update(type === "newest" ? { phase: "failed", problem } : { problem });
      return "failed";
    }
  }

  #follower(): Follower {
    return {
      event: (frame) => {
        this.#heard(frame);
      },
      reset: () => {
        this.#startOver();
      },
      ended: (reason) => {
        this.#unfollow = null;
        this.#update({ phase: "closed", problem: reason, company: NOBODY, typists: new Map() });
      },
    };
  }

  #heard(frame: StreamFrame): void {
    const { company, typists } = this.state.get();
    if ("seq" in frame) this.#sawHead(frame.seq);
    switch (frame.op) {
      case "presence":
        this.#update({ company: withPresence(company, frame) });
        break;
      case "typing":
        this.#setTypists(typed(typists, frame.agent, Date.now()));
        break;
      case "message":
        this.#setTypists(spoke(typists, frame.agent.username));
        this.#advance({ type: "event", event: frame });
        break;
      case "message_edited":
      case "message_deleted":
      case "reaction_added":
      case "reaction_removed":
        this.#advance({ type: "event", event: frame });
        break;
      default:
        // The rest are events of servers, which no channel carries.
        break;
    }
  }

  #sawHead(seq: number): void {
    if (seq > this.state.get().head) this.#update({ head: seq });
  }

  #setTypists(typists: Typists): void {
    this.#update({ typists });
    clearTimeout(this.#forgetTypists);
    if (typists.size === 0) return;
    const next = Math.min(...typists.values());
    this.#forgetTypists = setTimeout(
      () => {
        this.#setTypists(stillTyping(this.state.get().typists, Date.now()));
      },
      Math.max(1, next - Date.now()),
    );
  }

  #advance(action: TimelineAction): void {
    const { timeline } = this.state.get();
    this.#update({ timeline: advance(timeline, action) });
  }

  #update(change: Partial<RoomState>): void {
    this.state.set({ ...this.state.get(), ...change });
  }
}
