import type { Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmAutolinkLiteralFromMarkdown } from "mdast-util-gfm-autolink-literal";
import { gfmStrikethroughFromMarkdown } from "mdast-util-gfm-strikethrough";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import { gfmTable } from "micromark-extension-gfm-table";

/** HTML is no part of this Markdown: it stays the text that it is. Nor is indented code, which chat makes by accident. */
const WITHOUT = { disable: { null: ["htmlFlow", "htmlText", "codeIndented", "setextUnderline"] } };

const SYNTAX = [gfmAutolinkLiteral(), gfmStrikethrough({ singleTilde: false }), gfmTable(), WITHOUT];
const TREE = [gfmAutolinkLiteralFromMarkdown(), gfmStrikethroughFromMarkdown(), gfmTableFromMarkdown()];

/**
 * With more of one of these than people write, reading Markdown takes seconds (its time grows with their square), so
 * the message is shown as it was written: lines, characters that may mean something, levels of `> > >`.
 */
const MAX_LINES = 500;
const MAX_MARKS = 1_000;
const MAX_DEPTH = 24;

/** The message's Markdown as a tree, or null where it is to be shown as written. */
export function parseMarkdown(content: string): Root | null {
  const lines = content.split("\n");
  const marks = content.match(/[*_~[\]|@]/g)?.length ?? 0;
  if (lines.length > MAX_LINES || marks > MAX_MARKS || lines.some((line) => nesting(line) > MAX_DEPTH)) return null;
  return fromMarkdown(content, { extensions: SYNTAX, mdastExtensions: TREE });
}

function nesting(line: string): number {
  return /^[\s>*+-]*/.exec(line)?.[0].replaceAll(/\s/g, "").length ?? 0;
}

/** Only https leads out of here; everything else stays text. */
export function outwardUrl(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  const isPlain = parsed.protocol === "https:" && parsed.username === "" && parsed.password === "";
  return isPlain ? parsed.href : null;
}

export interface Piece {
  readonly text: string;
  /** The username, if the piece is a mention. */
  readonly mention: string | null;
}

const MENTION = /(?<![a-zA-Z0-9_])@([a-z0-9_-]{3,64})(?![a-z0-9_-])/g;

/** Text cut at its mentions, by the rule of protocol.md section 4. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of text.matchAll(MENTION)) {
    if (found.index > end) pieces.push({ text: text.slice(end, found.index), mention: null });
    pieces.push({ text: found[0], mention: found[1] ?? null });
    end = found.index + found[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), mention: null });
  return pieces;
}
