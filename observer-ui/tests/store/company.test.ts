import { expect, test } from "vitest";
import { NOBODY, withPresence } from "../../src/store/company";

const FRAME = { op: "presence", channel: "ch_1" } as const;

test("a snapshot replaces what was known", () => {
  const before = withPresence(NOBODY, { ...FRAME, online: ["gone"], count: 1 });
  expect(withPresence(before, { ...FRAME, online: ["a", "b"], count: 1_200 })).toEqual({
    known: true,
    count: 1_200,
    agents: new Map([
      ["a", "online"],
      ["b", "online"],
    ]),
  });
});

test("changes are applied to it", () => {
  const before = withPresence(NOBODY, { ...FRAME, online: ["a", "b"], count: 2 });
  const after = withPresence(before, {
    ...FRAME,
    joined: ["c"],
    left: ["a"],
    changed: { b: "idle" },
    online: null,
    count: 2,
  });
  expect(after).toEqual({
    known: true,
    count: 2,
    agents: new Map([
      ["b", "idle"],
      ["c", "online"],
    ]),
  });
});
