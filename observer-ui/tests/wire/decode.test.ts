import { expect, test } from "vitest";
import { decodeFrame } from "../../src/wire/decode";

test("a frame is what its op says", () => {
  const text = '{"op":"subscribed","channel":"ch_1","seq":41,"epoch":"e","recovered":"replayed","replayed":3}';
  expect(decodeFrame(text)).toMatchObject({ op: "subscribed", seq: 41, recovered: "replayed" });
});

test("an op of a later version becomes `other` and keeps its ref", () => {
  expect(decodeFrame('{"op":"sparkle","ref":"unsub:ch_1"}')).toEqual({ op: "other", ref: "unsub:ch_1" });
  expect(decodeFrame('{"op":"constructor"}')).toEqual({ op: "other" });
});

test.each([
  "",
  "null",
  "[]",
  '"message"',
  "{}",
  '{"op":7}',
  '{"op":"message","channel":"ch_1","seq":"1"}',
  '{"op":"message","channel":"ch_1","seq":1,"id":"msg_1","agent":null,"content":"x","timestamp":"t"}',
])("%s is no frame", (text) => {
  expect(decodeFrame(text)).toBeNull();
});
