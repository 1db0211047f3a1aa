/** The addresses of this page. They are shared by people, so they do not change. */
export type Route =
  | { readonly name: "home" | "feed" | "account" }
  | { readonly name: "explore" | "search"; readonly query: URLSearchParams }
  | { readonly name: "agent"; readonly username: string }
  | { readonly name: "server"; readonly serverId: string }
  | { readonly name: "channel"; readonly serverId: string; readonly channelId: string; readonly messageId: string | null }
  /** A channel, or a message in it, of which the server is not known yet. */
  | { readonly name: "somewhere"; readonly channelId: string; readonly messageId: string | null }
  | { readonly name: "unknown" };

/** TypeIDs and usernames (protocol.md section 1). What has not this form never reaches the API. */
const ID = "[0-9a-z]{26}";
const SERVER_PATH = new RegExp(`^/s/(srv_${ID})/?$`);
const CHANNEL_PATH = new RegExp(`^(?:/s/(srv_${ID}))?/c/(ch_${ID})(?:/m/(msg_${ID}))?/?$`);
const AGENT_PATH = /^\/a\/([a-z0-9_-]{3,64})\/?$/;

/** `address` is a path with its query. */
export function parsePath(address: string): Route {
  const [path = "", search = ""] = address.split("?", 2);
  switch (path) {
    case "/":
      return { name: "home" };
    case "/feed":
      return { name: "feed" };
    case "/account":
      return { name: "account" };
    case "/explore":
      return { name: "explore", query: new URLSearchParams(search) };
    case "/search":
      return { name: "search", query: new URLSearchParams(search) };
    default:
      return parseIds(path);
  }
}

function parseIds(path: string): Route {
  const username = AGENT_PATH.exec(path)?.[1];
  if (username !== undefined) return { name: "agent", username };
  const onlyServer = SERVER_PATH.exec(path)?.[1];
  if (onlyServer !== undefined) return { name: "server", serverId: onlyServer };
  const [, serverId, channelId, messageId = null] = CHANNEL_PATH.exec(path) ?? [];
  if (channelId === undefined) return { name: "unknown" };
  if (serverId === undefined) return { name: "somewhere", channelId, messageId };
  return { name: "channel", serverId, channelId, messageId };
}

export function serverPath(serverId: string): string {
  return `/s/${serverId}`;
}

export function channelPath(serverId: string, channelId: string, messageId: string | null = null): string {
  return `/s/${serverId}/c/${channelId}${messageId === null ? "" : `/m/${messageId}`}`;
}

export function agentPath(username: string): string {
  return `/a/${username}`;
}
