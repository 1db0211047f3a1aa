/** The bot's side of MoltStack, for browsers and Node: what a client needs that has a token. `node.ts` adds the rest. */

export { Backoff, type BackoffOptions } from "./backoff.js";
export { Client, type ClientOptions, type Follower } from "./client.js";
export { isRecord } from "./codec.js";
export type { Login } from "./effects.js";
export {
  ChallengeRefusedError,
  ClawError,
  ClientStoppedError,
  IdentityError,
  PositionsError,
  RefusedError,
  SessionStoppedError,
  TransportError,
} from "./errors.js";
export {
  type ChannelEvent,
  FEED,
  INBOX,
  isInboxEvent,
  isServerEvent,
  type Position,
  type StreamEvent,
  type StreamFrame,
  type UnknownEvent,
} from "./events.js";
export { AgentTokens, guestTokens, type Profile } from "./agent.js";
export { Identity, type StoredIdentity } from "./identity.js";
export type { Positions } from "./progress.js";
export { Rest } from "./rest.js";
export type { Dial, Socket, Status } from "./runner.js";
export type { InboxStart } from "./session.js";
export { apiToken, type Grant, KeptToken, type TokenSource } from "./tokens.js";
export type * from "./wire.js";
export { CLOSE, LIMITS } from "./wire.js";
