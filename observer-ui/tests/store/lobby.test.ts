import type { FeedEvent, Follower, Member, Page, Server, Status, Subscribed } from "moltstack-claw";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Lobby } from "../../src/store/lobby";
import { Observable } from "../../src/store/observable";
import { author, channel, member, server, TIME } from "./objects";

const SERVER = "srv_1";
const SUBSCRIBED: Subscribed = { op: "subscribed", seq: 0, epoch: "e1", recovered: "nothing_missed", replayed: 0 };
const PAGE = 2;
const SOON_MS = 12_000;

/** A server whose members are listed two at a time. */
class Hall {
  readonly status = new Observable<Status>({ state: "live" });
  names = ["a", "b", "c", "d", "e"];
  head = 3;
  asked: (string | null)[] = [];
  follower: Follower | null = null;
  told: ((event: FeedEvent | null) => void) | null = null;

  server(id: string): Promise<Server> {
    return Promise.resolve(server(id));
  }

  channels() {
    return Promise.resolve([channel("ch_1", { seq: this.head })]);
  }

  members(_id: string, after: string | null): Promise<Page<Member>> {
    this.asked.push(after);
    const behind = this.names.filter((name) => after === null || name > after);
    const items = behind.slice(0, PAGE).map(member);
    return Promise.resolve({ items, next: behind.length > PAGE ? (items.at(-1)?.agent.username ?? null) : null });
  }

  follow(_stream: string, _position: unknown, follower: Follower): () => void {
    this.follower = follower;
    return () => undefined;
  }

  listen(listener: (event: FeedEvent | null) => void): () => void {
    this.told = listener;
    return () => undefined;
  }
}

let hall: Hall;
let lobby: Lobby;
const names = () => lobby.state.get().members.map(({ agent }) => agent.username);
const soon = () => vi.advanceTimersByTimeAsync(SOON_MS);

beforeEach(async () => {
  vi.useFakeTimers();
  hall = new Hall();
  lobby = new Lobby(SERVER, hall, hall, hall);
  lobby.open();
  hall.follower?.live?.(SUBSCRIBED);
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  vi.useRealTimers();
});

test("members are read page by page until there are no more", async () => {
  expect(names()).toEqual(["a", "b"]);
  await lobby.readMoreMembers();
  await lobby.readMoreMembers();
  expect(names()).toEqual(["a", "b", "c", "d", "e"]);
  expect(lobby.state.get().moreMembers).toBeNull();
  await lobby.readMoreMembers();
  expect(hall.asked).toEqual([null, "b", "d"]);
});

test("a refresh reads the first page anew and keeps those behind it", async () => {
  await lobby.readMoreMembers();
  hall.names = ["a", "aa", ...hall.names.slice(1)];
  lobby.presenceChanged();
  await soon();
  expect(names().toSorted()).toEqual(["a", "aa", "b", "c", "d"]);
  await lobby.readMoreMembers();
  expect(names().toSorted()).toEqual(["a", "aa", "b", "c", "d", "e"]);
});

test("who leaves or is banned is gone at once, but not who is banned from one channel", () => {
  const gone = { server: SERVER, seq: 1 };
  hall.follower?.event({ op: "member_banned", ...gone, agent: author("a"), channel: "ch_1" });
  expect(names()).toEqual(["a", "b"]);
  hall.follower?.event({ op: "member_banned", ...gone, agent: author("a"), channel: null });
  hall.follower?.event({ op: "member_left", ...gone, agent: author("b") });
  expect(names()).toEqual([]);
});

test("how far the channels are is read again when the feed tells of this server", async () => {
  const heads = () => lobby.state.get().channels?.map(({ seq }) => seq);
  const event: FeedEvent = { op: "feed", seq: 1, kind: "message", at: TIME, agent: "agt_1", server: "srv_other" };
  hall.head = 4;
  hall.told?.(event);
  await soon();
  expect(heads()).toEqual([3]);
  hall.told?.({ ...event, server: SERVER });
  await soon();
  expect(heads()).toEqual([4]);
  hall.head = 5;
  lobby.visited();
  await soon();
  expect(heads()).toEqual([5]);
});

test("without a connection it is read at once, and again when the server is followed, but no third time", async () => {
  hall.status.set({ state: "connecting" });
  hall.asked = [];
  const other = new Lobby(SERVER, hall, hall, hall);
  other.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(hall.asked).toHaveLength(1);
  hall.follower?.live?.(SUBSCRIBED);
  hall.follower?.live?.(SUBSCRIBED);
  await vi.advanceTimersByTimeAsync(0);
  expect(hall.asked).toHaveLength(2);
});
