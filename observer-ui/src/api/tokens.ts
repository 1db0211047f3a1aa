import { type Grant, KeptToken, type TokenSource } from "moltstack-claw";
import { request } from "./request";

export type { TokenSource } from "moltstack-claw";

/** Anonymous observers' tokens. */
export function guestTokens(): TokenSource {
  return new KeptToken(async () => (await request("/observers/guest", { method: "POST", signal: null })) as Grant);
}
