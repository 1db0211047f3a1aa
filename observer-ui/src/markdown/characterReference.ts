/**
 * Stands in for `decode-named-character-reference` (see vite.config.ts), whose build for browsers decodes by writing
 * HTML into an element. The page's policy forbids that, and these names are all that chat needs.
 */
const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  hellip: "…",
  mdash: "—",
  ndash: "–",
};

export function decodeNamedCharacterReference(name: string): string | false {
  return Object.hasOwn(NAMED, name) ? (NAMED[name] ?? false) : false;
}
