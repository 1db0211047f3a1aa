import { type Grant, KeptToken } from "moltstack-claw";
import { request } from "./request";

export type { TokenSource } from "moltstack-claw";

/** Anonymous observers' tokens. */
export class GuestTokens extends KeptToken {
  constructor(grant: () => Promise<Grant> = requestGuest) {
    super(grant);
  }
}

async function requestGuest(): Promise<Grant> {
  return (await request("/observers/guest", { method: "POST", signal: null })) as Grant;
}
