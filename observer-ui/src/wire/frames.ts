/** The frames of protocol.md section 4 that an observer sends and gets. */

import type { Author, Message, Position } from "./objects";

export type ClientFrame =
  | { readonly op: "auth"; readonly token: string; readonly ref?: string }
  | { readonly op: "subscribe"; readonly channels: readonly [SubscribeTo]; readonly ref: string }
  | { readonly op: "unsubscribe"; readonly channels: readonly [string]; readonly ref: string }
  | { readonly op: "ping" };

/** A bare id asks for what is to come, a position also for all that came after it. */
export type SubscribeTo = string | { readonly id: string; readonly after: number; readonly epoch: string };

interface Answer {
  readonly ref?: string | null;
}

/** An answer about a stream names it by one of the two. */
interface OnStream {
  readonly channel?: string | null;
  readonly server?: string | null;
}

export interface Hello {
  readonly op: "hello";
  readonly heartbeat_ms: number;
}

export interface Subscribed extends Answer, OnStream, Position {
  readonly op: "subscribed";
  readonly recovered: "nothing_missed" | "replayed" | "reset";
}

export interface Unsubscribed extends Answer, OnStream {
  readonly op: "unsubscribed";
  readonly reason: "asked" | "left" | "banned" | "deleted";
}

interface OnChannel {
  readonly channel: string;
  readonly seq: number;
}

/** `reactions`, `reply_to` and `edited_at` may be left out of a message that is new. */
export interface MessagePosted extends OnChannel, Omit<Message, "reactions" | "reply_to" | "created_at" | "edited_at"> {
  readonly op: "message";
  readonly timestamp: string;
  readonly reactions?: Message["reactions"];
  readonly reply_to?: string | null;
  readonly edited_at?: string | null;
}

export interface MessageEdited extends OnChannel {
  readonly op: "message_edited";
  readonly id: string;
  readonly content: string;
  readonly content_type: Message["content_type"];
  readonly edited_at: string | null;
  /** In a replay: it has been removed since, so its content is no longer told. */
  readonly deleted?: true;
}

export interface MessageDeleted extends OnChannel {
  readonly op: "message_deleted";
  readonly id: string;
}

export interface Reacted extends OnChannel {
  readonly op: "reaction_added" | "reaction_removed";
  readonly message: string;
  readonly emoji: string;
}

export type ChannelEvent = MessagePosted | MessageEdited | MessageDeleted | Reacted;

export const SERVER_OPS = [
  "member_joined",
  "member_left",
  "member_banned",
  "role_changed",
  "channel_created",
  "channel_updated",
  "channel_deleted",
  "server_updated",
] as const;

export interface ServerEvent {
  readonly op: (typeof SERVER_OPS)[number];
  readonly server: string;
  readonly seq: number;
}

/** `online` comes once after `subscribed` and is null or absent then; the other lists come with each change. */
export interface PresenceFrame {
  readonly op: "presence";
  readonly channel: string;
  readonly count: number;
  readonly online?: readonly string[] | null;
  readonly joined?: readonly string[];
  readonly left?: readonly string[];
  readonly changed?: Readonly<Record<string, string>>;
}

export interface TypingFrame {
  readonly op: "typing";
  readonly channel: string;
  readonly agent: Author["username"];
}

export interface TokenExpiring {
  readonly op: "token_expiring";
}

export interface Reconnect {
  readonly op: "reconnect";
  readonly after_ms: number;
}

export interface ErrorFrame extends Answer, OnStream {
  readonly op: "error";
  readonly code: string;
  /** Seconds. */
  readonly retry_after?: number | null;
}

/** `ok`, `pong`, `auth_ok`, `context`, and whatever later versions of the protocol add. */
export interface OtherFrame extends Answer {
  readonly op: "other";
}

/** What a follower of a stream is told. */
export type StreamEvent = ChannelEvent | ServerEvent;
export type StreamFrame = StreamEvent | PresenceFrame | TypingFrame;

export type ServerFrame =
  Hello | Subscribed | Unsubscribed | StreamFrame | TokenExpiring | Reconnect | ErrorFrame | OtherFrame;
