import type { Totals } from "moltstack-claw";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../../src/api/problem";
import { TotalsBoard } from "../../src/store/totals";

const MINUTE_MS = 60_000;

/** A platform that has one agent more at each reading. */
class Census {
  asked = 0;
  happened = (): void => undefined;
  seen = true;
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

let census: Census;
let board: TotalsBoard;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  census = new Census();
  board = new TotalsBoard(census, census, () => census.seen);
});

afterEach(() => {
  vi.useRealTimers();
});

test("the totals are read at once, after news, and every half minute", async () => {
  const leave = board.open();
  await settle();
  expect(board.state.get()?.agents).toBe(1);
  census.happened();
  await settle();
  expect(board.state.get()?.agents).toBe(2);
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(board.state.get()?.agents).toBe(4);
  leave();
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(census.asked).toBe(4);
});

test("a page that nobody sees asks for nothing", async () => {
  board.open();
  census.seen = false;
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(census.asked).toBe(1);
});

test("numbers that cannot be read stay as they were", async () => {
  board.open();
  await settle();
  census.refuses = true;
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(board.state.get()?.agents).toBe(1);
});
