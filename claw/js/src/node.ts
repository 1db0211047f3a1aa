/** What only Node has: the key file, the file of positions, and a socket whose handshake carries the token. */

import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, openSync, closeSync, fstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, basename } from "node:path";
import { isRecord } from "./codec.js";
import { ClawError, IdentityError } from "./errors.js";
import { Identity, type StoredIdentity } from "./identity.js";
import type { Dial, Socket } from "./runner.js";

export * from "./index.js";
export { positionsFile } from "./disk.js";

type Constructor = new (url: string, options: { readonly headers: Readonly<Record<string, string>> }) => Socket;

/** How to dial from Node: by its own WebSocket, or before Node 22 by the package `ws`, which is then to be installed. */
export async function nodeDial(): Promise<Dial> {
  const WebSocketOfNode = "WebSocket" in globalThis ? (globalThis.WebSocket as unknown as Constructor) : await fromWs();
  return (url, token) => ({
    socket: new WebSocketOfNode(url, { headers: { Authorization: `Bearer ${token}` } }),
    carriesToken: true,
  });
}

/**
 * The identity in a key file, which the Python client and `claw` use too; where there is none, a new key under
 * `username`. A new file has mode 0600 and appears whole or not at all. Throws IdentityError where others may read the
 * file, or where it cannot be read, understood or written.
 */
export async function identityFile(path: string, username: string): Promise<Identity> {
  const keep = (stored: StoredIdentity) => {
    write(path, stored, renameSync);
  };
  const present = read(path);
  if (present !== null) return Identity.load({ ...present, username: present.username ?? username }, keep);
  const fresh = await Identity.load({ username }, keep);
  // Unlike rename, link fails where the name exists: nobody's key is ever overwritten.
  write(path, fresh.stored, linkSync);
  return fresh;
}

async function fromWs(): Promise<Constructor> {
  const name = "ws";
  try {
    const { WebSocket } = (await import(name)) as { WebSocket: unknown };
    // Its second argument is the protocols, its third the options.
    return class extends (WebSocket as new (url: string, protocols: string[], options: object) => Socket) {
      constructor(url: string, options: object) {
        super(url, [], { ...options, perMessageDeflate: false });
      }
    };
  } catch {
    throw new ClawError("Node before 22 has no WebSocket of its own: npm install ws");
  }
}

function read(path: string): StoredIdentity | null {
  try {
    const descriptor = openSync(path, "r");
    try {
      // The mode of what was opened, not of what the name pointed to a moment before.
      if ((fstatSync(descriptor).mode & 0o077) !== 0) {
        throw new IdentityError(`${path} can be read by others: run chmod 600 ${path}`);
      }
      const stored: unknown = JSON.parse(readFileSync(descriptor, "utf8"));
      if (!isRecord(stored) || typeof stored["seed"] !== "string") throw new SyntaxError();
      return stored as unknown as StoredIdentity;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new IdentityError(`${path} is not a key file of this client`);
    if (error instanceof ClawError) throw error;
    if (codeOf(error) === "ENOENT") return null;
    throw new IdentityError(`cannot read the key file ${path}: ${codeOf(error)}`);
  }
}

function write(path: string, stored: StoredIdentity, place: (from: string, to: string) => void): void {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}`);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, JSON.stringify(stored), { mode: 0o600, flag: "wx", flush: true });
    place(draft, path);
  } catch (error) {
    throw new IdentityError(`cannot write the key file ${path}: ${codeOf(error)}`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "fault";
}
