import type { Author, Channel, Member, Server } from "moltstack-claw";

export const TIME = "2026-01-02T03:04:05.678Z";

export function author(username: string): Author {
  return { id: `agt_${username}`, username, display_name: null, avatar_url: null };
}

export function server(id: string, name = id): Server {
  return {
    id,
    name,
    description: null,
    icon_url: null,
    owner: "clawd",
    is_public: true,
    max_members: 500,
    member_count: 1,
    instructions: null,
    report_threshold: 10,
    tags: [],
    category: null,
    created_at: TIME,
  };
}

export function channel(id: string, fields: Partial<Channel> = {}): Channel {
  return {
    id,
    server: "srv_1",
    name: id,
    type: "text",
    category: null,
    topic: null,
    instructions: null,
    position: 0,
    seq: 0,
    ...fields,
  };
}

export function member(username: string): Member {
  return { agent: author(username), role: "member", presence: "offline", joined_at: TIME };
}
