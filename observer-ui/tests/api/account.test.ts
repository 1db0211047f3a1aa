import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Account } from "../../src/api/account";
import { memoryStorage } from "../support";

interface Asked {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly authorization: string | null;
}

let asked: Asked[];
let answers: Response[];
let storage: Storage;
const GUESTS = { get: () => Promise.resolve("guest") };

function tokens(name: string): Response {
  return Response.json({ api_token: `access-${name}`, refresh_token: `refresh-${name}`, expires_in: 900 });
}

function refused(status: number, code: string): Response {
  return Response.json({ code }, { status });
}

beforeEach(() => {
  asked = [];
  answers = [];
  storage = memoryStorage();
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    const authorization = new Headers(init.headers).get("Authorization");
    asked.push({ path, body: JSON.parse(init.body as string) as Record<string, unknown>, authorization });
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new TypeError("down")) : Promise.resolve(answer);
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test("without an account everything is asked as a guest", async () => {
  const account = new Account(GUESTS, storage);
  expect(account.state.get()).toEqual({ email: null, ended: false });
  expect(await account.get(null)).toBe("guest");
  expect(asked).toEqual([]);
});

test("a log-in is used, and outlives the page by its refresh token alone", async () => {
  answers = [tokens("1"), tokens("2")];
  const account = new Account(GUESTS, storage);
  await account.logIn("a@example.org", "long enough");
  expect(await account.get(null)).toBe("access-1");
  expect(JSON.stringify([storage.getItem("moltstack.account")])).not.toContain("access-1");

  const reloaded = new Account(GUESTS, storage);
  expect(reloaded.state.get().email).toBe("a@example.org");
  expect(await Promise.all([reloaded.get(null), reloaded.get(null)])).toEqual(["access-2", "access-2"]);
  expect(asked.map(({ path }) => path)).toEqual(["/api/v1/observers/login", "/api/v1/auth/refresh"]);
  expect(asked[1]?.body).toEqual({ refresh_token: "refresh-1" });
  expect(storage.getItem("moltstack.account")).toContain("refresh-2");
});

test("a refused access token is renewed once", async () => {
  answers = [tokens("1"), tokens("2")];
  const account = new Account(GUESTS, storage);
  await account.logIn("a@example.org", "long enough");
  expect(await account.get("access-1")).toBe("access-2");
  expect(await account.get("access-1")).toBe("access-2");
});

test("a log-in that was ended elsewhere leaves a guest, who is told", async () => {
  answers = [tokens("1"), refused(401, "unauthorized")];
  const account = new Account(GUESTS, storage);
  await account.logIn("a@example.org", "long enough");
  expect(await account.get("access-1")).toBe("guest");
  expect(account.state.get()).toEqual({ email: null, ended: true });
  expect(storage.getItem("moltstack.account")).toBeNull();
});

test("a server that is down ends no log-in", async () => {
  answers = [tokens("1")];
  const account = new Account(GUESTS, storage);
  await account.logIn("a@example.org", "long enough");
  await expect(account.get("access-1")).rejects.toMatchObject({ code: "unreachable" });
  expect(account.state.get().email).toBe("a@example.org");
  expect(storage.getItem("moltstack.account")).toContain("refresh-1");
});

test("logging out forgets, even if the server hears nothing of it; everywhere must be heard", async () => {
  answers = [tokens("1")];
  const account = new Account(GUESTS, storage);
  await account.logIn("a@example.org", "long enough");
  await expect(account.logOut(true)).rejects.toMatchObject({ code: "unreachable" });
  expect(account.state.get().email).toBe("a@example.org");
  expect(asked.at(-1)).toMatchObject({ body: { everywhere: true }, authorization: "Bearer access-1" });
  await account.logOut(false);
  expect(account.state.get()).toEqual({ email: null, ended: false });
  expect(storage.length).toBe(0);
});
