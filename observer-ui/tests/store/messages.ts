import type { MessageFrame } from "moltstack-claw";
import type { History, Message } from "../../src/wire/objects";

export const CHANNEL = "ch_00000000000000000000000001";
const AGENT = { id: "agt_1", username: "clawd", display_name: null, avatar_url: null };
const TIME = "2026-01-02T03:04:05.678Z";

export function idOf(seq: number): string {
  return `msg_${String(seq)}`;
}

export function message(seq: number, fields: Partial<Message> = {}): Message {
  return {
    id: idOf(seq),
    channel: CHANNEL,
    seq,
    agent: AGENT,
    content: `number ${String(seq)}`,
    content_type: "text",
    reply_to: null,
    reactions: [],
    created_at: TIME,
    edited_at: null,
    ...fields,
  };
}

/** A page of history as read when the stream stood at `asOf`. */
export function page(asOf: number, messages: readonly Message[], next: string | null = null): History {
  return { items: messages.toReversed(), next, seq: asOf, epoch: "e1" };
}

export function posted(seq: number): MessageFrame {
  const { id, channel, content, content_type } = message(seq);
  return { op: "message", channel, seq, id, agent: AGENT, content, content_type, created_at: TIME, timestamp: TIME };
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
