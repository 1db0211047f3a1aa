import type { ClawError, RefusedError } from "./errors.js";
import type { Position, StreamFrame, UnknownEvent } from "./events.js";
import type { AuthOk, Context, Hello, MessageAck, Ok, Pong, Subscribed } from "./wire.js";

/** The frames that answer a call; a refusal is an error. */
export type Answer = MessageAck | Ok | Pong | AuthOk;

/**
 * What token the next connection needs: the present one as long as it lasts, another one, or another one by a new
 * log-in since the whole former one was revoked.
 */
export type Login = "keep" | "renew" | "anew";

/** What the session wants done. The shell (`client.ts`) does it and knows no rules of its own. */
export type Effect =
  | { readonly type: "send"; readonly text: string }
  /** Give this connection up; `Session.closed` follows as after any other end. */
  | { readonly type: "close" }
  /** Connect anew after a wait. Where the server `asked` for it, nobody may shorten it. */
  | { readonly type: "connect"; readonly afterMs: number; readonly asked: boolean; readonly login: Login }
  /** Do not come back. */
  | { readonly type: "stop"; readonly error: ClawError }
  | { readonly type: "opened"; readonly hello: Hello }
  /** Fetch another token and hand it to `Session.renew`. */
  | { readonly type: "renew_token" }
  | { readonly type: "call_settled"; readonly ref: string; readonly outcome: Answer | ClawError }
  /** The stream is followed from here on. */
  | { readonly type: "live"; readonly stream: string; readonly answer: Subscribed }
  /** What follows a stream: a numbered event once and in order. */
  | { readonly type: "event"; readonly stream: string; readonly frame: StreamFrame }
  /** The stream goes on, but the events between the two places will not come: read them over REST. */
  | { readonly type: "reset"; readonly stream: string; readonly lostAfter: Position | null; readonly resumedAt: Position }
  /** Nothing more will come. `reason` is that of `unsubscribed`, or the code of a refusal. */
  | { readonly type: "ended"; readonly stream: string; readonly reason: string }
  /** The server complains about something that nobody waits for. */
  | { readonly type: "fault"; readonly error: RefusedError }
  /** What belongs to no stream: the platform's own instructions, and frames of later versions. */
  | { readonly type: "other"; readonly frame: Context | UnknownEvent };
