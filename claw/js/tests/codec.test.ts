import { expect, test } from "vitest";
import { decodeFrame } from "../src/codec.js";
import { redact } from "../src/errors.js";

test("a frame is what its op says, with fields of later versions ignored", () => {
  const text = '{"op":"subscribed","channel":"ch_1","seq":41,"epoch":"e","recovered":"replayed","replayed":3,"new":1}';
  expect(decodeFrame(text)).toMatchObject({ op: "subscribed", seq: 41, recovered: "replayed" });
});

test.each([
  ["", ""],
  ["null", ""],
  ["[]", ""],
  ['"message"', ""],
  ["{}", ""],
  ['{"op":7}', ""],
  ['{"op":"sparkle"}', "sparkle"],
  ['{"op":"constructor"}', "constructor"],
  ['{"op":"message","channel":"ch_1","seq":"1"}', "message"],
  ['{"op":"message","channel":"ch_1","seq":1,"id":"m","agent":null,"content":"x","created_at":"t","timestamp":"t"}', "message"],
])("%s is no frame of this version", (text, named) => {
  expect(decodeFrame(text)).toMatchObject({ op: "(unknown)", named });
});

test("an error with a code of later versions still answers its command", () => {
  expect(decodeFrame('{"op":"error","code":"novel","message":"","ref":"1"}')).toMatchObject({ op: "error", ref: "1" });
});

test("no token survives redaction", () => {
  expect(redact("refused eyJhbGci.eyJzdWIi.c2ln and mrt_1_secret")).toBe("refused [redacted] and [redacted]");
});
