import { expect, test } from "vitest";
import type { Row } from "../../src/store/timeline";
import { type Step, stepTowards } from "../../src/ui/useStepwise";
import { message, range } from "../store/messages";

const rows = (from: number, to: number): Row[] =>
  range(from, to).map((seq) => ({ message: message(seq), asOf: seq, removed: false }));
const at = (from: number, to: number): Step => ({ rows: rows(from, to), shift: false, generation: 0 });
const span = ({ rows, shift, generation }: Step) => {
  return [rows[0]?.message.seq, rows.at(-1)?.message.seq, shift, generation];
};

test("a change at the end is one step, without a shift", () => {
  expect(span(stepTowards(at(1, 5), rows(1, 6)))).toEqual([1, 6, false, 0]);
  expect(span(stepTowards(at(1, 5), rows(1, 3)))).toEqual([1, 3, false, 0]);
});

test("a change at the start is one step, and shifts", () => {
  expect(span(stepTowards(at(5, 9), rows(1, 9)))).toEqual([1, 9, true, 0]);
  expect(span(stepTowards(at(1, 9), rows(4, 9)))).toEqual([4, 9, true, 0]);
});

test("a change at both ends is two steps, the end first", () => {
  for (const [from, to] of [
    [at(1, 5), rows(2, 6)],
    [at(5, 9), rows(1, 7)],
    [at(5, 9), rows(1, 12)],
  ] as const) {
    const first = stepTowards(from, to);
    expect([first.rows[0]?.message.seq, first.rows.at(-1)?.message.seq, first.shift]).toEqual([
      from.rows[0]?.message.seq,
      to.at(-1)?.message.seq,
      false,
    ]);
    const second = stepTowards(first, to);
    expect(second.shift).toBe(true);
    expect(second.rows).toBe(to);
  }
});

test("rows that have nothing in common begin anew", () => {
  expect(span(stepTowards(at(1, 5), rows(20, 25)))).toEqual([20, 25, false, 1]);
});
