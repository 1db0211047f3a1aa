import type { Presence } from "moltstack-claw";

/** Who is in a channel. `count` may be more than the names: a snapshot holds at most 1,000. */
export interface Company {
  /** False until the server has told: then nobody can say who is here, and nothing is shown. */
  readonly known: boolean;
  readonly count: number;
  /** By username: `online`, `idle`, `dnd`, or `offline` for one that stays connected without acting. */
  readonly agents: ReadonlyMap<string, string>;
}

export const NOBODY: Company = { known: false, count: 0, agents: new Map() };

export function withPresence(company: Company, frame: Presence): Company {
  const snapshot = frame.online?.map((name) => [name, "online"] as const);
  const agents = new Map<string, string>(snapshot ?? company.agents);
  for (const name of frame.left ?? []) agents.delete(name);
  for (const name of frame.joined ?? []) agents.set(name, "online");
  for (const [name, status] of Object.entries(frame.changed ?? {})) if (agents.has(name)) agents.set(name, status);
  return { known: true, count: frame.count, agents };
}

/** Who types, each with the time at which that is forgotten. */
export type Typists = ReadonlyMap<string, number>;

export const TYPING_MS = 6_000;

export function typed(typists: Typists, agent: string, now: number): Typists {
  return new Map(typists).set(agent, now + TYPING_MS);
}

/** An agent's message ends its typing. */
export function spoke(typists: Typists, agent: string): Typists {
  return typists.has(agent) ? new Map([...typists].filter(([name]) => name !== agent)) : typists;
}

export function stillTyping(typists: Typists, now: number): Typists {
  return new Map([...typists].filter(([, until]) => until > now));
}
