import { RefusedError } from "./errors.js";
import type { UnknownEvent } from "./events.js";
import { type AnyCommand, type AnyFrame, type ErrorFrame, LIMITS, SHAPES } from "./wire.js";

const encoder = new TextEncoder();

/**
 * One text frame to what it means. Never throws: what this version cannot read, or what lacks a field that its op must
 * have, comes back as an UnknownEvent.
 */
export function decodeFrame(text: string): AnyFrame | UnknownEvent {
  const value = parsed(text);
  if (!isRecord(value)) return unknown("", {});
  const op = typeof value["op"] === "string" ? value["op"] : "";
  if (!Object.hasOwn(SHAPES, op)) return unknown(op, value);
  const required: [string, readonly string[]][] = Object.entries(SHAPES[op] ?? {});
  const complete = required.every(([field, kinds]) => kinds.includes(kindOf(value[field])));
  return complete ? (value as unknown as AnyFrame) : unknown(op, value);
}

/**
 * The text frame for `command`. Throws above the contract's limit: the server would answer such a frame by closing the
 * socket for good (1009), and one long text should not end a session.
 */
export function encodeCommand(command: AnyCommand): string {
  const text = JSON.stringify(command);
  const bytes = encoder.encode(text).length;
  if (bytes <= LIMITS.CLIENT_FRAME_MAX_BYTES) return text;
  throw new RefusedError("too_large", `the frame has ${bytes} bytes, at most ${LIMITS.CLIENT_FRAME_MAX_BYTES}`);
}

/** The error that an `error` frame stands for. */
export function refusalOf(frame: ErrorFrame): RefusedError {
  const retryAfterMs = frame.retry_after === undefined ? null : frame.retry_after * 1_000;
  return new RefusedError(frame.code, frame.message, { retryAfterMs });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return kindOf(value) === "object";
}

function unknown(named: string, data: Record<string, unknown>): UnknownEvent {
  return { op: "(unknown)", named, data };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What JSON calls it. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
