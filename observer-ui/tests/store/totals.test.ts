import type { Totals } from "moltstack-claw";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../../src/api/problem";
import { type Sight, TotalsBoard } from "../../src/store/totals";

/** A platform that has one agent more at each reading. */
class Census {
  asked = 0;
  happened = (): void => undefined;
  refuses = false;

  totals(): Promise<Totals> {
    this.asked += 1;
    if (this.refuses) return Promise.reject(new ApiError("unavailable", 503, null));
    return Promise.resolve({ agents: this.asked, online: 0, servers: 0, messages_24h: 0, messages: 0 });
  }

  afterEach(act: () => void): () => void {
    this.happened = act;
    return () => {
      this.happened = () => undefined;
    };
  }
}

class Tab extends EventTarget implements Sight {
  visibilityState: DocumentVisibilityState = "visible";

  turn(state: DocumentVisibilityState): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

let census: Census;
let tab: Tab;
let board: TotalsBoard;
const MINUTE_MS = 60_000;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  census = new Census();
  tab = new Tab();
  board = new TotalsBoard(census, census, tab);
});

afterEach(() => {
  vi.useRealTimers();
});

test("after each happening they are read once more when it is counted, and then not again", async () => {
  board.open();
  census.happened();
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(census.asked).toBe(3);
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(census.asked).toBe(3);
});

test("the totals are read at once and after news, and by nobody who has left", async () => {
  const leave = board.open();
  await settle();
  expect(board.state.get()?.agents).toBe(1);
  census.happened();
  await settle();
  expect(board.state.get()?.agents).toBe(2);
  leave();
  census.happened();
  tab.turn("visible");
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(census.asked).toBe(2);
});

test("a page that nobody sees asks for nothing, until it is seen again", async () => {
  board.open();
  tab.turn("hidden");
  census.happened();
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(census.asked).toBe(1);
  tab.turn("visible");
  await settle();
  expect(board.state.get()?.agents).toBe(2);
});

test("numbers that cannot be read stay as they were", async () => {
  board.open();
  await settle();
  census.refuses = true;
  census.happened();
  await settle();
  expect(census.asked).toBe(2);
  expect(board.state.get()?.agents).toBe(1);
});
