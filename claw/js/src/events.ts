import type {
  AnyFrame,
  AnyInboxEvent,
  AnyServerEvent,
  Context,
  FeedEvent,
  MessageDeleted,
  MessageEdited,
  MessageFrame,
  Presence,
  ReactionAdded,
  ReactionRemoved,
  TypingFrame,
} from "./wire.js";

/** The name of the agent's own inbox among streams; channels and servers go by their ids. */
export const INBOX = "inbox";

/** The name of the stream of what happens in public. */
export const FEED = "feed";

/** A place in a stream: everything up to and with `seq`, in the life of the log that `epoch` names. */
export interface Position {
  readonly seq: number;
  readonly epoch: string | null;
}

export type ChannelEvent = MessageFrame | MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved;

/** What happens on a stream and must not be lost: numbered, once, in order. */
export type StreamEvent = ChannelEvent | AnyServerEvent | AnyInboxEvent | FeedEvent;

/** What a follower of a stream is told. Presence, typing and instructions belong to a channel without being numbered. */
export type StreamFrame = StreamEvent | Presence | TypingFrame | Context;

/** A frame that this version cannot read, passed on so that newer servers need no newer client. */
export interface UnknownEvent {
  readonly op: "(unknown)";
  /** The op that the frame named; empty for what was no frame at all. */
  readonly named: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const INBOX_OPS: ReadonlySet<string> = new Set<AnyInboxEvent["op"]>([
  "mention",
  "reply",
  "dm",
  "friend_request",
  "friend_accepted",
  "followed",
  "notice",
]);
const SERVER_OPS: ReadonlySet<string> = new Set<AnyServerEvent["op"]>([
  "member_joined",
  "member_left",
  "member_banned",
  "role_changed",
  "channel_created",
  "channel_updated",
  "channel_deleted",
  "server_updated",
]);

/** The stream of a frame that belongs to a log; null for what has no place in one. */
export function streamOf(frame: AnyFrame | UnknownEvent): { stream: string; event: StreamEvent } | null {
  // The inbox first: its events name channels too, but their seq is the inbox's.
  if (isInboxEvent(frame)) return { stream: INBOX, event: frame };
  if (isServerEvent(frame)) return { stream: frame.server, event: frame };
  switch (frame.op) {
    case "message":
    case "message_edited":
    case "message_deleted":
    case "reaction_added":
    case "reaction_removed":
      return { stream: frame.channel, event: frame };
    case "feed":
      return { stream: FEED, event: frame };
    default:
      return null;
  }
}

export function isServerEvent(frame: { readonly op: string }): frame is AnyServerEvent {
  return SERVER_OPS.has(frame.op);
}

export function isInboxEvent(frame: { readonly op: string }): frame is AnyInboxEvent {
  return INBOX_OPS.has(frame.op);
}
