/** Reads the recorded dialogues; tests/dialogues/README.md of the repository says what is in them. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../tests/dialogues/", import.meta.url));
const ANYTHING = "$_";

export type Json = Readonly<Record<string, unknown>>;
export type Bindings = Map<string, unknown>;

export interface Dialogue {
  readonly name: string;
  readonly head: Json;
  readonly steps: readonly Json[];
}

/** Those that a client can replay. */
export function load(): readonly Dialogue[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".jsonl"));
  const all = files.toSorted().map((file): Dialogue => {
    const lines = readFileSync(FOLDER + file, "utf8").trimEnd().split("\n");
    const [head = {}, ...steps] = lines.map((line) => JSON.parse(line) as Json);
    return { name: file.replace(/\.jsonl$/, ""), head, steps };
  });
  return all.filter(({ head }) => (head["sides"] as readonly string[]).includes("client"));
}

/** Whether `actual` is what was recorded; fills placeholders that were met for the first time. */
export function matches(expected: unknown, actual: unknown, bindings: Bindings): boolean {
  if (expected === ANYTHING) return true;
  if (typeof expected === "string" && expected.startsWith("$")) {
    if (!bindings.has(expected)) bindings.set(expected, actual);
    return bindings.get(expected) === actual;
  }
  if (Array.isArray(expected)) {
    const isAlike = Array.isArray(actual) && actual.length === expected.length;
    return isAlike && expected.every((each, index) => matches(each, actual[index], bindings));
  }
  if (typeof expected !== "object" || expected === null) return expected === actual;
  const fields = actual as Json | null;
  return (
    typeof fields === "object" &&
    fields !== null &&
    Object.entries(expected).every(([name, value]) => name in fields && matches(value, fields[name], bindings))
  );
}

/** What was recorded with its placeholders replaced; those that nobody has filled stand for themselves. */
export function filled(template: unknown, bindings: Bindings): unknown {
  if (typeof template === "string") return bindings.get(template) ?? template;
  if (Array.isArray(template)) return template.map((each) => filled(each, bindings));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, filled(value, bindings)]));
}
