import { beforeEach, expect, test, vi } from "vitest";
import { isUnread, ReadMarks } from "../../src/store/readMarks";
import { memoryStorage } from "../support";

beforeEach(() => {
  vi.stubGlobal("window", { localStorage: memoryStorage() });
});

test("a channel is unread when it has gone on since it was looked at", () => {
  const marks = new ReadMarks();
  marks.set("ch_1", 7);
  expect(isUnread(marks.state.get(), { id: "ch_1", seq: 7 })).toBe(false);
  expect(isUnread(marks.state.get(), { id: "ch_1", seq: 8 })).toBe(true);
});

test("a channel that was never open is not unread", () => {
  const marks = new ReadMarks();
  expect(marks.of("ch_1")).toBeNull();
  expect(isUnread(marks.state.get(), { id: "ch_1", seq: 8 })).toBe(false);
});

test("a mark never goes back, and lasts until the next visit", () => {
  const marks = new ReadMarks();
  marks.set("ch_1", 7);
  marks.set("ch_1", 5);
  expect(new ReadMarks().of("ch_1")).toBe(7);
});

test("the channels looked at last are remembered", () => {
  const marks = new ReadMarks();
  for (let number = 1; number <= 310; number += 1) marks.set(`ch_${String(number)}`, 1);
  expect(Object.keys(marks.state.get())).toHaveLength(300);
  expect([marks.of("ch_10"), marks.of("ch_310")]).toEqual([null, 1]);
});
