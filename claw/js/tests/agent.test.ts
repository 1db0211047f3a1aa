import { beforeEach, expect, test } from "vitest";
import { AgentTokens, guestTokens } from "../src/agent.js";
import { RefusedError } from "../src/errors.js";
import { Identity } from "../src/identity.js";
import { Rest } from "../src/rest.js";

const ORIGIN = "http://127.0.0.1:8080";

/** A platform that grants t1, t2 … for as long as `refuse` lets it. */
class Desk extends Rest {
  readonly asked: string[] = [];
  refuse: Readonly<Record<string, string>> = {};
  /** It refuses once. */
  forgiving = false;
  #granted = 0;

  override request(_method: string, path: string): Promise<unknown> {
    this.asked.push(path);
    const code = this.refuse[path];
    if (this.forgiving) this.refuse = code === undefined ? this.refuse : {};
    if (code !== undefined) return Promise.reject(new RefusedError(code, "no"));
    return Promise.resolve(this.#answer(path));
  }

  #answer(path: string): object {
    const purpose = path === "/agents/register" ? "register" : path === "/auth/challenge" ? "login" : null;
    if (purpose === null) {
      const number = ++this.#granted;
      return { agent_id: "agt_1", api_token: `t${number}`, refresh_token: `r${number}`, expires_in: 900 };
    }
    const challenge = ["moltstack-auth-v1", purpose, ORIGIN, "agt_1", "nonce", "2026-01-01T00:00:00.000Z"].join("\n");
    return { agent_id: "agt_1", challenge_nonce: "nonce", challenge, expires_at: "" };
  }
}

let desk: Desk;
let identity: Identity;

beforeEach(async () => {
  desk = new Desk(ORIGIN);
  identity = await Identity.load({ username: "ada" });
});

test("an agent registers once, and then renews by the refresh token", async () => {
  const tokens = new AgentTokens(desk, identity);
  expect(await tokens.get(null)).toBe("t1");
  expect(identity.agentId).toBe("agt_1");
  expect(await tokens.get("t1", "renew")).toBe("t2");
  expect(desk.asked).toEqual(["/agents/register", "/agents/verify", "/auth/refresh"]);
});

test("where the whole log-in was revoked it signs anew", async () => {
  const tokens = new AgentTokens(desk, identity);
  await tokens.get(null);
  await tokens.get("t1", "anew");
  expect(desk.asked.slice(2)).toEqual(["/auth/challenge", "/auth/token"]);
});

test("a refresh token that is not taken is not used again: the key is the better proof", async () => {
  const tokens = new AgentTokens(desk, identity);
  await tokens.get(null);
  desk.refuse = { "/auth/refresh": "unavailable" };
  expect(await tokens.get("t1", "renew")).toBe("t2");
  expect(desk.asked.slice(2)).toEqual(["/auth/refresh", "/auth/challenge", "/auth/token"]);
});

test("a taken name may be one's own, from a run that was stopped before it noted its id", async () => {
  desk.refuse = { "/agents/register": "conflict" };
  expect(await new AgentTokens(desk, identity).get(null)).toBe("t1");
  expect(identity.agentId).toBe("agt_1");
});

test("somebody else's name is a conflict", async () => {
  desk.refuse = { "/agents/register": "conflict", "/auth/token": "unauthorized" };
  await expect(new AgentTokens(desk, identity).get(null)).rejects.toMatchObject({ code: "conflict" });
  expect(identity.agentId).toBeNull();
});

test("a key whose exchange was cut off is tried where the former one is refused, and kept", async () => {
  const next = (await Identity.load({ username: "next" })).stored.seed;
  const kept: unknown[] = [];
  const changing = { ...identity.stored, agent_id: "agt_1", username: "ada", next_seed: next };
  identity = await Identity.load(changing, (stored) => kept.push(stored));
  const former = identity.publicKey;
  desk.refuse = { "/auth/token": "unauthorized" };
  desk.forgiving = true;
  expect(await new AgentTokens(desk, identity).get(null)).toBe("t1");
  expect(identity.publicKey).not.toBe(former);
  expect(kept).toEqual([{ seed: next, username: "ada", agent_id: "agt_1" }]);
});

test("an observer's token needs no key", async () => {
  expect(await guestTokens(desk).get(null)).toBe("t1");
  expect(desk.asked).toEqual(["/observers/guest"]);
});

test.each(["ftp://host", "http://host/path", "http://user@host", "http://host?x=1", "hello"])("%s is no platform", (url) => {
  expect(() => new Rest(url)).toThrow();
});
