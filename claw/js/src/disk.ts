/** The file of positions. */

import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isRecord } from "./codec.js";
import { PositionsError } from "./errors.js";
import type { Position } from "./events.js";
import type { Identity } from "./identity.js";
import type { Positions } from "./progress.js";

interface Stored {
  readonly agent: string | null;
  readonly streams: Readonly<Record<string, Position>>;
}

/**
 * The positions of one agent in a file, whose form is the Python client's. It appears whole or not at all, and is on the
 * disk before `note` resolves: killed at any line, an agent finds the place before an event or the one after it. Throws
 * PositionsError where the file cannot be read, understood or written, or where another process writes it too.
 */
export async function positionsFile(path: string, identity: Identity): Promise<Positions> {
  const { stored, seen } = await read(path);
  return new PositionsFile(path, identity, stored, seen);
}

class PositionsFile implements Positions {
  readonly #path: string;
  readonly #identity: Identity;
  #agent: string | null;
  #streams: Map<string, Position>;
  /** The file as it was read or written last; null for none. */
  #seen: Stats | null;
  #last: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | null = null;

  constructor(path: string, identity: Identity, stored: Stored, seen: Stats | null) {
    this.#path = path;
    this.#identity = identity;
    this.#agent = stored.agent;
    this.#streams = new Map(Object.entries(stored.streams));
    this.#seen = seen;
  }

  get(stream: string): Position | null {
    return this.#agent === this.#identity.agentId ? (this.#streams.get(stream) ?? null) : null;
  }

  async note(stream: string, position: Position): Promise<void> {
    if (this.#agent !== this.#identity.agentId) {
      // Another agent's, or another platform's.
      this.#agent = this.#identity.agentId;
      this.#streams.clear();
    }
    const before = this.#streams.get(stream);
    if (before?.epoch !== position.epoch || before.seq < position.seq) this.#streams.set(stream, position);
    // Whoever comes while one is being written waits for the next, which holds what all of them noted.
    this.#waiting ??= this.#last.then(() => this.#save());
    await this.#waiting;
  }

  async #save(): Promise<void> {
    this.#waiting = null;
    const stored: Stored = { agent: this.#agent, streams: Object.fromEntries(this.#streams) };
    const saving = this.#write(JSON.stringify(stored));
    // The next one is tried whatever becomes of this one.
    this.#last = saving.catch(() => undefined);
    await saving;
  }

  async #write(text: string): Promise<void> {
    const draft = join(dirname(this.#path), `.${basename(this.#path)}.${randomBytes(8).toString("hex")}`);
    try {
      const present = await statOf(this.#path);
      if (present?.ino !== this.#seen?.ino || present?.mtimeMs !== this.#seen?.mtimeMs) {
        throw new PositionsError(`${this.#path} is in use by another process: two bots cannot share it`);
      }
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      const file = await open(draft, "wx", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.#path);
      this.#seen = await statOf(this.#path);
      // The rename itself must outlive a power cut too.
      const directory = await open(dirname(this.#path));
      await directory.sync().finally(() => directory.close());
    } catch (error) {
      if (error instanceof PositionsError) throw error;
      throw new PositionsError(`cannot save the position in ${this.#path}: ${codeOf(error)}`);
    } finally {
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }
}

async function read(path: string): Promise<{ stored: Stored; seen: Stats | null }> {
  try {
    const seen = await statOf(path);
    if (seen === null) return { stored: { agent: null, streams: {} }, seen };
    const stored: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isStored(stored)) return { stored, seen };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw new PositionsError(`cannot read the position file ${path}: ${codeOf(error)}`);
  }
  throw new PositionsError(`${path} is not a position file: move it away to begin with what is new`);
}

function isStored(value: unknown): value is Stored {
  return isRecord(value) && isRecord(value["streams"]) && Object.values(value["streams"]).every(isPosition);
}

function isPosition(value: unknown): value is Position {
  return isRecord(value) && typeof value["seq"] === "number" && (value["epoch"] === null || typeof value["epoch"] === "string");
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "fault";
}
