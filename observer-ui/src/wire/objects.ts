/** The REST objects of the contract, as far as this page reads them. Their types come from the server's own definition. */

import type * as claw from "moltstack-claw";

export type { Page, Position } from "moltstack-claw";

export type Author = Pick<claw.Author, "id" | "username" | "display_name">;
export type Reaction = Pick<claw.Reaction, "emoji" | "count">;
export type Server = Pick<claw.Server, "id" | "name" | "description" | "member_count">;

type Plain = "id" | "channel" | "seq" | "content" | "content_type" | "reply_to" | "created_at" | "edited_at" | "deleted";

export interface Message extends Pick<claw.Message, Plain> {
  readonly agent: Author;
  readonly reactions: readonly Reaction[];
}

/** Observers see no DM, so every channel has a name. */
export interface Channel extends Pick<claw.Channel, "id" | "type" | "topic" | "position"> {
  readonly name: string;
}

/** Messages newest first, and the position of the stream at the moment they were read. */
export interface History extends Pick<claw.History, "next" | "seq" | "epoch"> {
  readonly items: readonly Message[];
}
