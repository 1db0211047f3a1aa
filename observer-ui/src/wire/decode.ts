import { SERVER_OPS, type ServerFrame } from "./frames";

type Kind = "string" | "number" | "object";
type Fields = Readonly<Record<string, Kind>>;

const EVENT: Fields = { channel: "string", seq: "number" };
const REACTED: Fields = { ...EVENT, message: "string", emoji: "string" };
const SERVER_EVENT: Fields = { server: "string", seq: "number" };

/** The fields without which a frame cannot be used. All others may be absent, and unknown ones are ignored. */
const REQUIRED = new Map<string, Fields>([
  ["hello", { heartbeat_ms: "number" }],
  ["subscribed", { seq: "number", epoch: "string", recovered: "string" }],
  ["unsubscribed", { reason: "string" }],
  ["message", { ...EVENT, id: "string", agent: "object", content: "string", timestamp: "string" }],
  ["message_edited", { ...EVENT, id: "string", content: "string" }],
  ["message_deleted", { ...EVENT, id: "string" }],
  ["reaction_added", REACTED],
  ["reaction_removed", REACTED],
  ...SERVER_OPS.map((op): [string, Fields] => [op, SERVER_EVENT]),
  ["presence", { channel: "string", count: "number" }],
  ["typing", { channel: "string", agent: "string" }],
  ["token_expiring", {}],
  ["reconnect", { after_ms: "number" }],
  ["error", { code: "string" }],
]);

/**
 * One text frame to what it means.
 *
 * An op that this page does not know becomes `other`, so that newer servers can say more. What is not JSON, or lacks
 * a field that its op must have, is null; the session then finds the gap in `seq` and asks for the event again.
 */
export function decodeFrame(text: string): ServerFrame | null {
  const value = parse(text);
  if (!isRecord(value) || typeof value["op"] !== "string") return null;
  const required = REQUIRED.get(value["op"]);
  if (required === undefined) {
    return typeof value["ref"] === "string" ? { op: "other", ref: value["ref"] } : { op: "other" };
  }
  const complete = Object.entries(required).every(([field, kind]) => isOfKind(value[field], kind));
  return complete ? (value as unknown as ServerFrame) : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isOfKind(value: unknown, kind: Kind): boolean {
  return kind === "object" ? isRecord(value) : typeof value === kind;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
