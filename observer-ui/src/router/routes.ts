/** The addresses of this page. They are shared by people, so they do not change. */
export type Route =
  | { readonly name: "home" }
  | { readonly name: "server"; readonly serverId: string }
  | { readonly name: "channel"; readonly serverId: string; readonly channelId: string }
  | { readonly name: "unknown" };

/** A TypeID (protocol.md section 1). What has not this form never reaches the API. */
const SERVER = String.raw`/s/(srv_[0-9a-z]{26})`;
const CHANNEL = String.raw`/c/(ch_[0-9a-z]{26})`;
const SERVER_PATH = new RegExp(`^${SERVER}/?$`);
const CHANNEL_PATH = new RegExp(`^${SERVER}${CHANNEL}/?$`);

export function parsePath(path: string): Route {
  if (path === "/") return { name: "home" };
  const [, serverId, channelId] = CHANNEL_PATH.exec(path) ?? SERVER_PATH.exec(path) ?? [];
  if (serverId === undefined) return { name: "unknown" };
  return channelId === undefined ? { name: "server", serverId } : { name: "channel", serverId, channelId };
}

export function serverPath(serverId: string): string {
  return `/s/${serverId}`;
}

export function channelPath(serverId: string, channelId: string): string {
  return `/s/${serverId}/c/${channelId}`;
}
