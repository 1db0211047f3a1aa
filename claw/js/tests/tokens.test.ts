import { expect, test } from "vitest";
import { apiToken, KeptToken } from "../src/tokens.js";

/** Tokens t1, t2 … of 15 minutes, and a clock that moves when told. */
function counter() {
  const clock = { now: 0, granted: 0 };
  const grant = () => Promise.resolve({ api_token: `t${++clock.granted}`, expires_in: 900 });
  return { clock, tokens: new KeptToken(grant, () => clock.now) };
}

test("one token serves everybody, and one request fetches it", async () => {
  const { clock, tokens } = counter();
  expect(await Promise.all([tokens.get(null), tokens.get(null)])).toEqual(["t1", "t1"]);
  expect(await tokens.get(null)).toBe("t1");
  expect(clock.granted).toBe(1);
});

test("it is renewed in good time", async () => {
  const { clock, tokens } = counter();
  await tokens.get(null);
  clock.now = 839_999;
  expect(await tokens.get(null)).toBe("t1");
  clock.now = 840_000;
  expect(await tokens.get(null)).toBe("t2");
});

test("a refused one is replaced, once for all that it was refused to", async () => {
  const { tokens } = counter();
  await tokens.get(null);
  expect(await tokens.get("t1")).toBe("t2");
  expect(await tokens.get("t1")).toBe("t2");
});

test("a failed request is not the last one", async () => {
  let healthy = false;
  const grant = () =>
    healthy ? Promise.resolve({ api_token: "t", expires_in: 900 }) : Promise.reject(new Error("down"));
  const tokens = new KeptToken(grant, () => 0);
  await expect(tokens.get(null)).rejects.toThrow("down");
  healthy = true;
  expect(await tokens.get(null)).toBe("t");
});

test("an API token is shown again and again, and where it is refused nothing else can be", async () => {
  const tokens = apiToken("mst_a_b");
  expect([await tokens.get(null), await tokens.get(null)]).toEqual(["mst_a_b", "mst_a_b"]);
  await expect(tokens.get("mst_a_b", "anew")).rejects.toMatchObject({ code: "unauthorized", passing: false });
});
