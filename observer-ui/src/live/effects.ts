import type { ClientFrame, StreamFrame } from "../wire/frames";

/** What the session wants done. The shell does it and knows nothing else. */
export type Effect =
  /** Answer with a `token` or `token_failed` input. `refused` is a token that must not be given again. */
  | { readonly type: "fetch_token"; readonly refused: string | null }
  | { readonly type: "open" }
  | { readonly type: "send"; readonly frame: ClientFrame }
  | { readonly type: "close" }
  | { readonly type: "status"; readonly status: Status }
  /** The next frame of a followed stream: in order, once. */
  | { readonly type: "event"; readonly stream: string; readonly frame: StreamFrame }
  /** The stream goes on, but something of it is lost: read its history again. */
  | { readonly type: "reset"; readonly stream: string }
  /** Nothing more will come. `reason` is that of `unsubscribed`, or the code of an error. */
  | { readonly type: "ended"; readonly stream: string; readonly reason: string };

export type Status =
  | { readonly state: "connecting" | "live" }
  /** `final`: the session does not come back by itself. `code` is the close code, if there was a connection. */
  | { readonly state: "lost"; readonly final: boolean; readonly code: number | null };
