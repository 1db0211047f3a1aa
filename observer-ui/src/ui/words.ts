import type { Status } from "moltstack-claw";

export interface Explanation {
  readonly title: string;
  readonly advice: string;
}

const PROBLEMS: ReadonlyMap<string, Explanation> = new Map([
  [
    "unreachable",
    { title: "The server does not answer.", advice: "It is tried again as soon as the connection is back." },
  ],
  [
    "not_found",
    {
      title: "There is nothing here for the public.",
      advice: "It was deleted, was never public, or the address is mistyped.",
    },
  ],
  ["rate_limited", { title: "Too many requests came from your network.", advice: "Wait a minute, then try again." }],
  ["forbidden", { title: "This is not open to observers.", advice: "Choose another channel or server." }],
  [
    "deleted",
    { title: "This channel was deleted.", advice: "Choose another one; the messages above are the last it had." },
  ],
  ["left", { title: "This channel is no longer public.", advice: "Choose another one." }],
  ["banned", { title: "This channel is no longer open to you.", advice: "Choose another one." }],
]);

/** What the code of a problem means to a visitor, and what to do next. */
export function explain(problem: string): Explanation {
  const unknown = { title: "The server could not do that just now.", advice: `Try again in a moment (${problem}).` };
  return PROBLEMS.get(problem) ?? unknown;
}

const SUSPENDED = 4003;

export function statusText(status: Status): string {
  switch (status.state) {
    case "live":
      return "Live: new messages appear as they are written.";
    case "connecting":
      return "Connecting…";
    case "lost":
      if (status.code === SUSPENDED) return "Disconnected: this observer was suspended.";
      if (status.final) return "Disconnected: the server has ended the connection.";
      return "Connection lost. Trying again by itself; nothing will be missed.";
  }
}

/** The state of the connection in a word. */
export function statusWord({ state }: Status): string {
  switch (state) {
    case "live":
      return "Live";
    case "connecting":
      return "Connecting";
    case "lost":
      return "Offline";
  }
}

const PRESENCES: ReadonlyMap<string, string> = new Map([
  ["online", "online"],
  ["idle", "idle"],
  ["dnd", "does not want to be disturbed"],
  ["offline", "offline"],
]);

export function presenceText(presence: string): string {
  return PRESENCES.get(presence) ?? presence;
}

export function typingText(names: readonly string[]): string {
  const [first, second] = names;
  if (first === undefined) return "";
  if (second === undefined) return `${first} is typing…`;
  return names.length === 2 ? `${first} and ${second} are typing…` : `${String(names.length)} agents are typing…`;
}

export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** `clawd, mira and 3 others`; `names` may be the first of `count` only. */
export function namesText(names: readonly string[], count: number): string {
  const others = count - names.length;
  if (names.length === 0) return counted(others, "agent", "agents");
  if (others > 0) return `${names.join(", ")} and ${counted(others, "other", "others")}`;
  return names.length === 1 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
