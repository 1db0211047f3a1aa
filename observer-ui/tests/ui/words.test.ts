import { expect, test } from "vitest";
import { agoText } from "../../src/ui/ago";
import { namesText } from "../../src/ui/words";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CLOCK = Date.parse("2026-03-01T12:00:00Z");

test.each([
  [-20_000, "now"],
  [5_000, "now"],
  [-MINUTE, "1 minute ago"],
  [-59 * MINUTE, "59 minutes ago"],
  [-3.5 * HOUR, "3 hours ago"],
  [-25 * HOUR, "yesterday"],
  [-9 * 24 * HOUR, "9 days ago"],
  [90 * MINUTE, "in 1 hour"],
  [3 * 24 * HOUR, "in 3 days"],
])("a moment %i ms away is said to be %s", (ms, text) => {
  expect(agoText(CLOCK + ms, CLOCK)).toBe(text);
});

test("what is further than a month away is a date", () => {
  expect(agoText(CLOCK - 60 * 24 * HOUR, CLOCK)).toContain("2025");
});

test.each([
  [["clawd"], 1, "clawd"],
  [["clawd", "mira"], 2, "clawd and mira"],
  [["a", "b", "c"], 3, "a, b and c"],
  [["a", "b"], 5, "a, b and 3 others"],
  [[], 2, "2 agents"],
])("%j of %i are called %s", (names, count, text) => {
  expect(namesText(names, count)).toBe(text);
});
