import { describe, expect, test } from "vitest";
import { advance, EMPTY, MAX_ROWS, type Timeline, type TimelineAction } from "../../src/store/timeline";
import type { ChannelEvent } from "moltstack-claw";
import { CHANNEL, idOf, message, page, posted, range } from "./messages";

function play(...actions: readonly TimelineAction[]): Timeline {
  return actions.reduce(advance, EMPTY);
}

function event(change: ChannelEvent): TimelineAction {
  return { type: "event", event: change };
}

const newest = (asOf: number, seqs: readonly number[], next: string | null = null): TimelineAction => ({
  type: "newest",
  page: page(
    asOf,
    seqs.map((seq) => message(seq)),
    next,
  ),
});
const older = (asOf: number, seqs: readonly number[], next: string | null = null): TimelineAction => ({
  type: "older",
  page: page(
    asOf,
    seqs.map((seq) => message(seq)),
    next,
  ),
});
const arrives = (seq: number) => event(posted(seq));
const edit = (seq: number, of: number, content: string) =>
  event({
    op: "message_edited",
    channel: CHANNEL,
    seq,
    id: idOf(of),
    content,
    content_type: "text",
    edited_at: "2026-01-02T04:00:00.000Z",
  });
const remove = (seq: number, of: number) =>
  event({ op: "message_deleted", channel: CHANNEL, seq, id: idOf(of), by: "clawd" });
const react = (seq: number, of: number, op: "reaction_added" | "reaction_removed" = "reaction_added") =>
  event({ op, channel: CHANNEL, seq, message: idOf(of), agent: "krill", emoji: "👍" });
const READING: TimelineAction = { type: "reading" };
const AWAY: TimelineAction = { type: "following", following: false };
const BACK: TimelineAction = { type: "following", following: true };

const seqs = ({ rows }: Timeline) => rows.map((row) => row.message.seq);
const row = ({ rows }: Timeline, seq: number) => rows.find((each) => each.message.seq === seq);
const contentOf = (timeline: Timeline, seq: number) => row(timeline, seq)?.message.content;

describe("history and the live stream", () => {
  test("stand in order, oldest first", () => {
    expect(seqs(play(newest(3, [1, 3]), arrives(4), arrives(6)))).toEqual([1, 3, 4, 6]);
  });

  test("join without a duplicate, whichever came first", () => {
    const page = newest(5, [4, 5]);
    expect(seqs(play(page, arrives(5), arrives(6)))).toEqual([4, 5, 6]);
    expect(seqs(play(READING, arrives(5), arrives(6), page))).toEqual([4, 5, 6]);
  });

  test("a page read after an event is not set back by that event", () => {
    const page: TimelineAction = {
      type: "newest",
      page: { items: [message(1, { content: "second edit" })], next: null, seq: 3, epoch: "e1" },
    };
    expect(contentOf(play(page, edit(2, 1, "first edit")), 1)).toBe("second edit");
  });

  test("a page read before an event is brought up to date by it, even if the event came first", () => {
    expect(contentOf(play(newest(9, [8, 9]), READING, edit(10, 2, "edited"), older(9, [1, 2])), 2)).toBe("edited");
    expect(row(play(newest(9, [9]), READING, remove(10, 2), older(9, [2])), 2)?.removed).toBe(true);
  });

  test("a page read after an event that came meanwhile does not have it applied again", () => {
    const timeline = play(newest(9, [9]), READING, react(10, 2), {
      type: "older",
      page: page(10, [message(2, { reactions: [{ emoji: "👍", count: 1, agents: ["clawd"] }] })]),
    });
    expect(row(timeline, 2)?.message.reactions).toEqual([{ emoji: "👍", count: 1, agents: ["clawd"] }]);
  });

  test("changes that no page was waited for are forgotten", () => {
    expect(play(newest(9, [9]), edit(10, 2, "edited")).held).toEqual([]);
    expect(play(READING, edit(10, 2, "edited"), { type: "reading_failed" }).held).toEqual([]);
  });

  test("a reset forgets everything", () => {
    expect(play(newest(2, [1, 2], "1"), { type: "reset" })).toEqual(EMPTY);
  });
});

describe("changes", () => {
  test("an edit changes the content and says when", () => {
    const timeline = play(newest(1, [1]), edit(2, 1, "better"));
    expect(row(timeline, 1)?.message).toMatchObject({ content: "better", edited_at: "2026-01-02T04:00:00.000Z" });
  });

  test("a removed message keeps its place and loses its content", () => {
    const timeline = play(newest(2, [1, 2]), remove(3, 1));
    expect(seqs(timeline)).toEqual([1, 2]);
    expect(row(timeline, 1)).toMatchObject({ removed: true, message: { content: "" } });
  });

  test("what was removed before it was read or replayed is shown as removed", () => {
    const gone = { ...message(1, { content: "" }), deleted: true } as const;
    expect(row(play({ type: "newest", page: page(2, [gone]) }), 1)?.removed).toBe(true);
    expect(row(play(event({ ...posted(1), content: "", deleted: true })), 1)?.removed).toBe(true);
    const { id, channel, content_type } = message(1);
    const edited = { op: "message_edited", channel, seq: 2, id, content: "", content_type, edited_at: null } as const;
    expect(row(play(arrives(1), event({ ...edited, deleted: true })), 1)?.removed).toBe(true);
  });

  test("reactions are counted, each event once", () => {
    const twice = play(newest(1, [1]), react(2, 1), react(3, 1), react(3, 1));
    expect(row(twice, 1)?.message.reactions).toEqual([{ emoji: "👍", count: 2, agents: ["krill", "krill"] }]);
    const none = [react(4, 1, "reaction_removed"), react(5, 1, "reaction_removed")].reduce(advance, twice);
    expect(row(none, 1)?.message.reactions).toEqual([]);
  });

  test("rows that did not change stay the same objects", () => {
    const before = play(newest(2, [1, 2]));
    expect(row(advance(before, edit(3, 2, "x")), 1)).toBe(row(before, 1));
  });
});

describe("a long visit", () => {
  const full = play(newest(MAX_ROWS, range(1, MAX_ROWS)));

  test("lets go of the oldest while the reader follows", () => {
    const timeline = advance(full, arrives(MAX_ROWS + 1));
    expect(seqs(timeline)).toEqual(range(2, MAX_ROWS + 1));
    expect(timeline.hasOlder).toBe(true);
  });

  test("counts what comes while the reader is away", () => {
    const timeline = play(newest(1, [1]), AWAY, arrives(2), arrives(3));
    expect(timeline).toMatchObject({ unseen: 2, following: false });
    expect(seqs(timeline)).toEqual([1, 2, 3]);
    expect(advance(timeline, BACK)).toMatchObject({ unseen: 0, following: true });
  });

  test("never pulls what is being read from under the reader", () => {
    const timeline = [AWAY, arrives(MAX_ROWS + 1), arrives(MAX_ROWS + 2)].reduce(advance, full);
    expect(seqs(timeline)).toEqual(range(1, MAX_ROWS));
    expect(timeline).toMatchObject({ detached: true, unseen: 2 });
    expect(advance(timeline, BACK).following).toBe(false);
  });

  test("lets go of the newest when the reader goes far back", () => {
    const start = play(newest(1_000, range(501, 1_000), "501"), AWAY, READING);
    const timeline = advance(start, older(1_000, range(451, 500), "451"));
    expect(seqs(timeline)).toEqual(range(451, 950));
    expect(timeline).toMatchObject({ detached: true, hasOlder: true, reading: false });
  });
});
