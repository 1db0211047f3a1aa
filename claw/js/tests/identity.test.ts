import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChallengeRefusedError } from "../src/errors.js";
import { Identity } from "../src/identity.js";
import { identityFile } from "../src/node.js";

// RFC 8032, section 7.1, test 1.
const SEED = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex").toString("base64");
const PUBLIC = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex").toString("base64");

const ORIGIN = "http://127.0.0.1:8080";
const challenge = (purpose = "login", origin = ORIGIN, agent = "agt_1") =>
  ["moltstack-auth-v1", purpose, origin, agent, "nonce", "2026-01-01T00:00:00.000Z"].join("\n");

describe("signing", () => {
  const ada = () => Identity.load({ username: "ada", agent_id: "agt_1", seed: SEED });

  test("the public key belongs to the seed, and what is signed holds against it", async () => {
    const identity = await ada();
    expect(identity.publicKey).toBe(PUBLIC);
    const signature = Buffer.from(await identity.sign(challenge(), ORIGIN, "login"), "base64");
    const key = await crypto.subtle.importKey("raw", Buffer.from(PUBLIC, "base64"), "Ed25519", true, ["verify"]);
    expect(await crypto.subtle.verify("Ed25519", key, signature, Buffer.from(challenge()))).toBe(true);
  });

  test.each([
    ["another origin", challenge("login", "http://evil.example")],
    ["another purpose", challenge("register")],
    ["another agent", challenge("login", ORIGIN, "agt_2")],
    ["another form", `${challenge()}\nmore`],
    ["no challenge at all", "hello"],
  ])("nothing is signed that names %s", async (_, text) => {
    await expect((await ada()).sign(text, ORIGIN, "login")).rejects.toThrow(ChallengeRefusedError);
  });

  test.each(["", "c2hvcnQ=", "?"])("%s is no seed", async (seed) => {
    await expect(Identity.load({ username: "ada", seed })).rejects.toThrow("seed");
  });
});

describe("the key file", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "claw-"));
    path = join(folder, "keys", "ada.json");
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test("is made once, for its owner's eyes alone", async () => {
    const made = await identityFile(path, "ada");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await identityFile(path, "other")).stored).toEqual(made.stored);
  });

  test("keeps the agent id that the platform gave", async () => {
    (await identityFile(path, "ada")).registered("agt_1");
    expect((await identityFile(path, "ada")).agentId).toBe("agt_1");
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ username: "ada", agent_id: "agt_1" });
  });

  test("that others can read is refused", async () => {
    await identityFile(path, "ada");
    chmodSync(path, 0o644);
    await expect(identityFile(path, "ada")).rejects.toThrow("chmod 600");
  });

  test("that is none is refused, and left as it is", async () => {
    await identityFile(path, "ada");
    writeFileSync(path, "hello");
    await expect(identityFile(path, "ada")).rejects.toThrow("not a key file");
    expect(readFileSync(path, "utf8")).toBe("hello");
  });
});
