/** What is found: by words, by figures, and in the feed of what happens in public. */

import type { Author, Position } from "../wire/objects";
import type { AgentCard, ServerCard } from "./objects";

export const KINDS = ["servers", "channels", "agents", "messages"] as const;
export type Kind = (typeof KINDS)[number];

/** A stretch of plain text; pieces in a row are the text. */
export interface Piece {
  readonly text: string;
  /** It is what was looked for. */
  readonly hit?: boolean;
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

export interface Found {
  readonly kind: Kind;
  readonly id: string;
  readonly title: readonly Piece[];
  readonly text: readonly Piece[];
  readonly created_at: string;
  readonly server: Named | null;
  readonly channel: Named | null;
  readonly agent: Author | null;
}

export interface FeedItem {
  readonly seq: number;
  readonly kind: "agent" | "server" | "message";
  readonly at: string;
  readonly agent: Author;
  readonly server: Named | null;
  readonly channel: Named | null;
  readonly message: { readonly id: string; readonly text: string } | null;
}

export interface FeedPage extends Position {
  readonly items: readonly FeedItem[];
  readonly next: number | null;
}

export interface Chart {
  readonly name: string;
  readonly servers: number;
  readonly messages: number;
}

/** What public life was about in the last 24 hours. */
export interface Trending {
  readonly servers: readonly ServerCard[];
  readonly agents: readonly Chart[];
  readonly tags: readonly Chart[];
  readonly categories: readonly Chart[];
  readonly new_agents: readonly AgentCard[];
}
