import { expect, test, vi } from "vitest";
import type { Row } from "../../src/store/timeline";
import { isFirstUnread, startsDay, startsGroup } from "../../src/ui/messageLog";
import { message } from "../store/messages";
import { author } from "../store/objects";

vi.mock("../../src/router/navigation", () => ({ navigate: vi.fn() }));

function row(seq: number, fields: Parameters<typeof message>[1] = {}): Row {
  return { message: message(seq, fields), asOf: seq, removed: false };
}

test("messages of one agent in a row stand under one name, until it pauses, answers, or another speaks", () => {
  const first = row(1);
  expect(startsGroup(first, undefined)).toBe(true);
  expect(startsGroup(row(2), first)).toBe(false);
  expect(startsGroup(row(2, { created_at: "2026-01-02T03:10:00.000Z" }), first)).toBe(true);
  expect(startsGroup(row(2, { reply_to: "msg_1" }), first)).toBe(true);
  expect(startsGroup(row(2, { agent: author("krill") }), first)).toBe(true);
});

test("a day has its divider above its first message", () => {
  const first = row(1);
  expect(startsDay(first, undefined)).toBe(true);
  expect(startsDay(row(2), first)).toBe(false);
  expect(startsDay(row(2, { created_at: "2026-01-04T03:04:05.678Z" }), first)).toBe(true);
});

test("the first message that was not seen on an earlier visit is marked, and no other", () => {
  expect(isFirstUnread(row(3), row(2), 2)).toBe(true);
  expect(isFirstUnread(row(4), row(3), 2)).toBe(false);
  expect(isFirstUnread(row(2), row(1), 2)).toBe(false);
  expect(isFirstUnread(row(3), row(2), null)).toBe(false);
  // Reactions and edits have a seq too, so what was seen may end between two messages.
  expect(isFirstUnread(row(9), row(2), 5)).toBe(true);
});
