import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PositionsError } from "../src/errors.js";
import { INBOX } from "../src/events.js";
import { Identity } from "../src/identity.js";
import { positionsFile } from "../src/node.js";
import { type Positions, Progress } from "../src/progress.js";
import { CHANNEL, removal, subscribed } from "./driver.js";

let folder: string;
let path: string;
let ada: Identity;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "claw-"));
  path = join(folder, "made", "ada.positions");
  ada = await Identity.load({ username: "ada", agent_id: "agt_1" });
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const at = (seq: number, epoch = "e1") => ({ seq, epoch });

test("what was noted is there next time, for its owner's eyes alone and in the Python client's form", async () => {
  await (await positionsFile(path, ada)).note(CHANNEL, at(7));
  expect((await positionsFile(path, ada)).get(CHANNEL)).toEqual(at(7));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ agent: "agt_1", streams: { [CHANNEL]: at(7) } });
});

test("a place moves forward only within one life of the log", async () => {
  const positions = await positionsFile(path, ada);
  await positions.note(CHANNEL, at(7));
  await positions.note(CHANNEL, at(5));
  expect(positions.get(CHANNEL)).toEqual(at(7));
  await positions.note(CHANNEL, at(2, "e2"));
  expect(positions.get(CHANNEL)).toEqual(at(2, "e2"));
});

test("another agent's places are forgotten", async () => {
  await (await positionsFile(path, ada)).note(CHANNEL, at(7));
  const brin = await positionsFile(path, await Identity.load({ username: "brin", agent_id: "agt_2" }));
  expect(brin.get(CHANNEL)).toBeNull();
  await brin.note("ch_b", at(1));
  expect(brin.get(CHANNEL)).toBeNull();
});

test("notes that wait together share one write, and each is on the disk when it resolves", async () => {
  const positions = await positionsFile(path, ada);
  const inodes = new Set<number>();
  await Promise.all(
    Array.from({ length: 50 }, async (_, seq) => {
      await positions.note(`ch_${seq}`, at(seq));
      inodes.add(statSync(path).ino);
    }),
  );
  // The first one writes at once; all others come into the second write.
  expect(inodes.size).toBeLessThanOrEqual(2);
  const again = await positionsFile(path, ada);
  expect(again.get("ch_49")).toEqual(at(49));
});

test("two agents on one file are told, and no place is lost by it", async () => {
  const [one, two] = [await positionsFile(path, ada), await positionsFile(path, ada)];
  await one.note(CHANNEL, at(7));
  await expect(two.note("ch_b", at(1))).rejects.toThrow("in use by another process");
  expect((await positionsFile(path, ada)).get(CHANNEL)).toEqual(at(7));
});

test("a file that is none of ours is named and left alone", async () => {
  mkdirSync(join(folder, "made"));
  for (const text of ["[1, 2", "[]", '{"streams":{"ch_a":7}}']) {
    writeFileSync(path, text);
    await expect(positionsFile(path, ada)).rejects.toThrow(PositionsError);
    expect(readFileSync(path, "utf8")).toBe(text);
  }
});

test("what cannot be kept is told in one line, and once there is room it is kept with what came after it", async () => {
  const positions = await positionsFile(path, ada);
  // Nothing can be written beside the file: a file stands where its folder should be.
  writeFileSync(join(folder, "made"), "in the way");
  await expect(positions.note(CHANNEL, at(1))).rejects.toThrow(/^cannot save the position .*$/);
  rmSync(join(folder, "made"));
  await positions.note("ch_b", at(1));
  const again = await positionsFile(path, ada);
  expect([again.get(CHANNEL), again.get("ch_b")]).toEqual([at(1), at(1)]);
  expect(readdirSync(join(folder, "made"))).toEqual(["ada.positions"]);
});

test("a folder where the file should be is told too", async () => {
  const positions = await positionsFile(path, ada);
  mkdirSync(path, { recursive: true });
  await expect(positions.note(CHANNEL, at(1))).rejects.toThrow(PositionsError);
  rmdirSync(path);
});

/** Places in memory. */
class Noted implements Positions {
  readonly places = new Map<string, { readonly seq: number; readonly epoch: string | null }>();

  get(stream: string) {
    return this.places.get(stream) ?? null;
  }

  note(stream: string, position: { readonly seq: number; readonly epoch: string | null }): Promise<void> {
    this.places.set(stream, position);
    return Promise.resolve();
  }
}

const mention = { op: "notice", seq: 8, kind: "joined" } as const;

test("a stream that is followed for the first time is noted where it began", async () => {
  const noted = new Noted();
  const answer = { op: "subscribed", channel: CHANNEL, epoch: "e1", recovered: "replayed", seq: 9, replayed: 3 } as const;
  expect(await new Progress(noted).live(CHANNEL, answer, null)).toBeNull();
  expect(noted.get(CHANNEL)).toEqual(at(6));
});

test("a frame is done where it stood when it was handed on, whatever came since", async () => {
  const noted = new Noted();
  const progress = new Progress(noted);
  const frame = removal(5);
  if (frame.op !== "message_deleted") throw new Error("a removal is no such frame");
  progress.handed(CHANNEL, frame, at(5));
  progress.handed(CHANNEL, { ...frame, seq: 6 }, at(6));
  expect(await progress.done(frame)).toBeNull();
  expect(noted.get(CHANNEL)).toEqual(at(5));
});

test("what has no place, or was never handed on, needs no note", async () => {
  const noted = new Noted();
  const progress = new Progress(noted);
  const typing = { op: "typing", channel: CHANNEL, agent: "brin" } as const;
  progress.handed(CHANNEL, typing, at(5));
  expect(await progress.done(typing)).toBeNull();
  expect(await progress.done(mention)).toBeNull();
  expect(noted.places.size).toBe(0);
});

test("of the inbox the platform is told, and told again where it did not hear", async () => {
  const noted = new Noted();
  const progress = new Progress(noted);
  progress.handed(INBOX, mention, at(8));
  expect(await progress.done(mention)).toBe(8);
  const answer = { ...subscribed(8), inbox: true } as Extract<ReturnType<typeof subscribed>, { op: "subscribed" }>;
  expect(await new Progress(noted).live(INBOX, answer, { seq: 8, acked: 5 })).toBe(8);
  expect(await new Progress(noted).live(INBOX, answer, { seq: 8, acked: 8 })).toBeNull();
});
