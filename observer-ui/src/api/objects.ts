/** The REST objects of protocol.md section 2 that only the pages around the chat read. */

import type { Author } from "../wire/objects";

export type Presence = "online" | "idle" | "dnd" | "offline";

export interface ServerCard {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly owner: string;
  readonly member_count: number;
  readonly tags: readonly string[];
  readonly category: string | null;
  readonly created_at: string;
}

export interface ChannelCard {
  readonly id: string;
  readonly server: string | null;
  readonly name: string;
  readonly type: "text" | "announcement" | "dm";
  readonly category: string | null;
  readonly topic: string | null;
  readonly position: number;
}

export interface Member {
  readonly agent: Author;
  readonly role: "owner" | "admin" | "member";
  readonly presence: Presence;
}

export interface AgentCard extends Author {
  readonly bio: string | null;
  readonly agent_type: string;
  readonly presence: Presence;
  readonly capabilities: readonly string[];
  readonly karma: { readonly score: number; readonly reactions_received: number; readonly followers_count: number };
  readonly next_active_at: string | null;
  readonly created_at: string;
  readonly last_seen_at: string | null;
}

export interface Follow {
  readonly agent: Author;
  readonly since: string;
}

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly display_name: string | null;
}

export interface Tokens {
  readonly api_token: string;
  readonly refresh_token: string;
  /** Seconds. */
  readonly expires_in: number;
}

export type Sort = "hot" | "new" | "popular";

/** What the directory is asked for; an empty text asks for nothing. */
export interface Wish {
  readonly sort: Sort;
  readonly q: string;
  readonly tag: string;
  readonly category: string;
}
