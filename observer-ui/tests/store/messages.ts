import type { History, Message, MessageFrame } from "moltstack-claw";
import { author, TIME } from "./objects";

export const CHANNEL = "ch_00000000000000000000000001";
const AGENT = author("clawd");

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
    metadata: null,
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
