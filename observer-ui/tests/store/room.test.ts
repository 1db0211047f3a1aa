import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Place } from "../../src/api/client";
import { ApiError } from "../../src/api/problem";
import type { Follower, History, Position, Status } from "moltstack-claw";
import { TYPING_MS } from "../../src/store/company";
import { Observable } from "../../src/store/observable";
import { Room } from "../../src/store/room";
import { CHANNEL, message, page, posted } from "./messages";

/** An API whose answers are given by the test, one reading at a time. */
class Shelf {
  readonly asked: Place[] = [];
  #resolve: (history: History) => void = unasked;
  #reject: (error: ApiError) => void = unasked;

  history(_channelId: string, place: Place): Promise<History> {
    this.asked.push(place);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  async answer(history: History): Promise<void> {
    this.#resolve(history);
    await settle();
  }

  async refuse(code: string): Promise<void> {
    this.#reject(new ApiError(code, null, null));
    await settle();
  }
}

function unasked(): never {
  throw new Error("nothing is being read");
}

class Line {
  readonly status = new Observable<Status>({ state: "connecting" });
  readonly followed: (Position | null)[] = [];
  follower: Follower | null = null;

  follow(_stream: string, position: Position | null, follower: Follower): () => void {
    this.followed.push(position);
    this.follower = follower;
    return () => {
      this.follower = null;
    };
  }
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

let shelf: Shelf;
let line: Line;
let room: Room;
const seqs = () => room.state.get().timeline.rows.map((row) => row.message.seq);

beforeEach(() => {
  vi.useFakeTimers();
  shelf = new Shelf();
  line = new Line();
  room = new Room(CHANNEL, shelf, line);
});

afterEach(() => {
  vi.useRealTimers();
});

async function join(): Promise<() => void> {
  const leave = room.open();
  await shelf.answer(page(2, [message(1), message(2)], "1"));
  return leave;
}

test("history is read first and the stream followed from exactly there", async () => {
  await join();
  expect(line.followed).toEqual([{ seq: 2, epoch: "e1" }]);
  line.follower?.event(posted(3));
  expect(seqs()).toEqual([1, 2, 3]);
  expect(room.state.get().phase).toBe("ready");
});

test("after a reset history is read again while the stream goes on", async () => {
  await join();
  line.follower?.reset(null, { seq: 11, epoch: "e1" });
  expect(room.state.get().phase).toBe("loading");
  line.follower?.event(posted(12));
  await shelf.answer(page(11, [message(10), message(11)]));
  expect(seqs()).toEqual([10, 11, 12]);
  expect(line.followed).toHaveLength(1);
});

test("a reset puts an end to a reading of older messages", async () => {
  await join();
  void room.readOlder();
  const late = shelf.answer(page(2, [message(0)]));
  line.follower?.reset(null, { seq: 11, epoch: "e1" });
  await late;
  await shelf.answer(page(11, [message(11)]));
  expect(seqs()).toEqual([11]);
});

test("older messages are asked for once, from the oldest that is shown", async () => {
  await join();
  void room.readOlder();
  void room.readOlder();
  await shelf.answer(page(2, [message(0)]));
  expect(shelf.asked).toEqual([{}, { before: 1 }]);
  expect(seqs()).toEqual([0, 1, 2]);
});

test("from a message on, newer ones are read until the reader stands where the stream does", async () => {
  room.open("msg_2");
  await shelf.answer(page(9, [message(1), message(2)], "1"));
  expect(shelf.asked).toEqual([{ around: "msg_2" }]);
  expect(room.state.get().timeline).toMatchObject({ detached: true, following: false });
  void room.readNewer();
  line.follower?.event(posted(10));
  await shelf.answer({ ...page(9, [message(8)]), items: [message(8)] });
  expect(shelf.asked.at(-1)).toEqual({ after: 2 });
  expect(seqs()).toEqual([1, 2, 8, 10]);
  expect(room.state.get().timeline.detached).toBe(false);
});

test("where the address names a message that is not there, the newest are shown", async () => {
  room.open("msg_404");
  await shelf.refuse("invalid");
  await shelf.answer(page(2, [message(1), message(2)]));
  expect(shelf.asked).toEqual([{ around: "msg_404" }, {}]);
  expect(room.state.get()).toMatchObject({ phase: "ready", problem: null });
});

test("a failed joining is told, and tried again when the connection is back", async () => {
  room.open();
  await shelf.refuse("unreachable");
  expect(room.state.get()).toMatchObject({ phase: "failed", problem: "unreachable" });
  line.status.set({ state: "live" });
  await settle();
  await shelf.answer(page(1, [message(1)]));
  expect(room.state.get()).toMatchObject({ phase: "ready", problem: null });
});

test("a stream that ends leaves what was said on the page", async () => {
  await join();
  line.follower?.ended("deleted");
  expect(room.state.get()).toMatchObject({ phase: "closed", problem: "deleted" });
  expect(seqs()).toEqual([1, 2]);
});

test("whoever leaves while history is being read follows nothing", async () => {
  const leave = room.open();
  leave();
  await shelf.answer(page(1, [message(1)]));
  expect(line.followed).toEqual([]);
});

test("typing is shown until the message comes, or for a while", async () => {
  await join();
  const typing = (agent: string) => line.follower?.event({ op: "typing", channel: CHANNEL, agent });
  typing("clawd");
  typing("krill");
  line.follower?.event(posted(3));
  expect([...room.state.get().typists.keys()]).toEqual(["krill"]);
  await vi.advanceTimersByTimeAsync(TYPING_MS);
  expect(room.state.get().typists.size).toBe(0);
});
