import type { ChannelEvent, History, Message, MessageFrame } from "moltstack-claw";

/** A message as it was after the event `asOf`; events up to that one are already in it. */
export interface Row {
  readonly message: Message;
  readonly asOf: number;
  readonly removed: boolean;
}

type Change = Exclude<ChannelEvent, MessageFrame>;

/** The part of a channel that is on the page: messages without a gap between them, oldest first. */
export interface Timeline {
  readonly rows: readonly Row[];
  readonly hasOlder: boolean;
  /** A page of history is being read. */
  readonly reading: boolean;
  /** Changes of messages that may be on the page being read; applied to it if it turns out to be older than they. */
  readonly held: readonly Change[];
  /** Messages that came while newer ones were being read; they follow the last page. */
  readonly heldPosts: readonly MessageFrame[];
  /** The reader is at the newest message and wants to stay there. */
  readonly following: boolean;
  /** The newest messages are left out, since the reader is far back; they are read when the reader comes nearer. */
  readonly detached: boolean;
  /** Messages that came while the reader was not following. */
  readonly unseen: number;
}

export type TimelineAction =
  | { readonly type: "reset" }
  | { readonly type: "reading" }
  | { readonly type: "reading_failed" }
  | { readonly type: "newest"; readonly page: History }
  | { readonly type: "older"; readonly page: History }
  | { readonly type: "newer"; readonly page: History }
  | { readonly type: "around"; readonly page: History }
  | { readonly type: "event"; readonly event: ChannelEvent }
  | { readonly type: "following"; readonly following: boolean };

/** More than this are not kept; whoever scrolls there reads them again. */
export const MAX_ROWS = 500;

export const EMPTY: Timeline = {
  rows: [],
  hasOlder: false,
  reading: false,
  held: [],
  heldPosts: [],
  following: true,
  detached: false,
  unseen: 0,
};

/**
 * History and the live stream, joined without gap or duplicate, in whatever order they arrive.
 *
 * Each row knows the `seq` up to which it is right. So a page read before or after an event, and an event that comes
 * twice, lead to the same timeline.
 */
export function advance(timeline: Timeline, action: TimelineAction): Timeline {
  switch (action.type) {
    case "reset":
      return EMPTY;
    case "reading":
      return { ...timeline, reading: true };
    case "reading_failed":
      return { ...timeline, reading: false, held: [], heldPosts: [] };
    case "newest":
      return trimOldest({ ...withPage(timeline, action.page), hasOlder: action.page.next !== null });
    case "older":
      return trimNewest({ ...withPage(timeline, action.page), hasOlder: action.page.next !== null });
    case "newer":
      return withNewer(timeline, action.page);
    case "around":
      return aroundPage(timeline, action.page);
    case "event":
      return action.event.op === "message" ? posted(timeline, action.event) : changed(timeline, action.event);
    case "following":
      return follow(timeline, action.following && !timeline.detached);
  }
}

function follow(timeline: Timeline, following: boolean): Timeline {
  if (following === timeline.following) return timeline;
  return following ? trimOldest({ ...timeline, following, unseen: 0 }) : { ...timeline, following };
}

function withPage(timeline: Timeline, page: History): Timeline {
  const read = page.items.map((message): Row => {
    const row = { message, asOf: page.seq, removed: message.deleted === true };
    return timeline.held.filter((change) => targetOf(change) === message.id).reduce(apply, row);
  });
  return { ...timeline, rows: merge(timeline.rows, read), reading: false, held: [], heldPosts: [] };
}

/** With the last page the reader stands where the stream does, and what came meanwhile follows. */
function withNewer(timeline: Timeline, page: History): Timeline {
  const detached = page.next !== null;
  const joined = { ...withPage(timeline, page), detached };
  if (detached) return trimOldest(joined);
  const posts = timeline.heldPosts.map(rowOf).map((row) => {
    return timeline.held.filter((change) => targetOf(change) === row.message.id).reduce(apply, row);
  });
  return trimOldest({ ...joined, rows: merge(joined.rows, posts) });
}

/** Whether messages follow is only known when they are asked for: changes have a `seq` too. */
function aroundPage(timeline: Timeline, page: History): Timeline {
  const joined = withPage(timeline, page);
  const newest = joined.rows.at(-1)?.message.seq ?? 0;
  return { ...joined, hasOlder: page.next !== null, detached: newest < page.seq, following: false };
}

/** Of two rows of one message the later one is right. */
function merge(present: readonly Row[], read: readonly Row[]): readonly Row[] {
  const byId = new Map(present.map((row) => [row.message.id, row]));
  for (const row of read) {
    const known = byId.get(row.message.id);
    if (known === undefined || known.asOf < row.asOf) byId.set(row.message.id, row);
  }
  return [...byId.values()].sort((a, b) => a.message.seq - b.message.seq);
}

function posted(timeline: Timeline, event: MessageFrame): Timeline {
  const newest = timeline.rows.at(-1);
  if (newest !== undefined && event.seq <= newest.message.seq) return timeline;
  if (timeline.detached) {
    const heldPosts = timeline.reading ? [...timeline.heldPosts, event] : timeline.heldPosts;
    return { ...timeline, heldPosts, unseen: timeline.unseen + 1 };
  }
  if (timeline.following) return trimOldest({ ...timeline, rows: [...timeline.rows, rowOf(event)] });
  const unseen = timeline.unseen + 1;
  if (timeline.rows.length >= MAX_ROWS) return { ...timeline, unseen, detached: true };
  return { ...timeline, unseen, rows: [...timeline.rows, rowOf(event)] };
}

function changed(timeline: Timeline, change: Change): Timeline {
  const index = timeline.rows.findIndex(({ message }) => message.id === targetOf(change));
  const row = timeline.rows[index];
  if (row === undefined) return timeline.reading ? { ...timeline, held: [...timeline.held, change] } : timeline;
  const next = apply(row, change);
  return next === row ? timeline : { ...timeline, rows: timeline.rows.with(index, next) };
}

function apply(row: Row, change: Change): Row {
  if (change.seq <= row.asOf) return row;
  const { message } = row;
  switch (change.op) {
    case "message_edited": {
      if (change.deleted === true) return removed(row, change.seq);
      const { content, content_type = "text", edited_at = null } = change;
      return { ...row, asOf: change.seq, message: { ...message, content, content_type, edited_at } };
    }
    case "message_deleted":
      return removed(row, change.seq);
    case "reaction_added":
      return { ...row, asOf: change.seq, message: { ...message, reactions: withReaction(message, change.emoji, change.agent) } };
    case "reaction_removed":
      return { ...row, asOf: change.seq, message: { ...message, reactions: withoutReaction(message, change.emoji, change.agent) } };
  }
}

function removed({ message }: Row, asOf: number): Row {
  return { asOf, removed: true, message: { ...message, content: "", reactions: [] } };
}

/** A message names the first who gave an emoji, and says how many did. */
const MAX_NAMES = 20;

function withReaction({ reactions }: Message, emoji: string, agent: string): Message["reactions"] {
  const known = reactions.some((each) => each.emoji === emoji);
  const all = known ? reactions : [...reactions, { emoji, count: 0, agents: [] }];
  return all.map((each) => {
    if (each.emoji !== emoji) return each;
    return { emoji, count: each.count + 1, agents: [...each.agents, agent].slice(0, MAX_NAMES) };
  });
}

function withoutReaction({ reactions }: Message, emoji: string, agent: string): Message["reactions"] {
  return reactions
    .map((each) => {
      if (each.emoji !== emoji) return each;
      return { emoji, count: each.count - 1, agents: each.agents.filter((name) => name !== agent) };
    })
    .filter(({ count }) => count > 0);
}

function rowOf(event: MessageFrame): Row {
  const { id, channel, seq, agent, content, created_at } = event;
  const { content_type = "text", metadata = null, reactions = [], reply_to = null, edited_at = null } = event;
  const message = {
    id,
    channel,
    seq,
    agent,
    content,
    content_type,
    metadata,
    reply_to,
    reactions,
    created_at,
    edited_at,
  };
  return { message, asOf: seq, removed: event.deleted === true };
}

function targetOf(change: Change): string {
  return "message" in change ? change.message : change.id;
}

function trimOldest(timeline: Timeline): Timeline {
  if (timeline.rows.length <= MAX_ROWS) return timeline;
  return { ...timeline, rows: timeline.rows.slice(-MAX_ROWS), hasOlder: true };
}

function trimNewest(timeline: Timeline): Timeline {
  if (timeline.rows.length <= MAX_ROWS) return timeline;
  return { ...timeline, rows: timeline.rows.slice(0, MAX_ROWS), following: false, detached: true };
}
