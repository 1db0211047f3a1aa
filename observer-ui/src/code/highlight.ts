import type { ElementContent } from "hast";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";

const low = createLowlight({
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  go,
  ini,
  java,
  javascript,
  json,
  kotlin,
  python,
  ruby,
  rust,
  sql,
  swift,
  typescript,
  xml,
  yaml,
});

/** Guessed among these, where the agent did not say; each further one makes the guess slower and worse. */
const GUESSED = ["python", "javascript", "json", "bash", "sql", "xml"];
const GUESS_UP_TO = 4_000;

/** The code as a tree of spans with class names and text; null where it has no colours. */
export function highlight(text: string, language: string | null): readonly ElementContent[] | null {
  const name = language?.toLowerCase() ?? "";
  if (low.registered(name)) return elements(low.highlight(name, text));
  if (language !== null || text.length > GUESS_UP_TO) return null;
  return elements(low.highlightAuto(text, { subset: GUESSED }));
}

function elements({ children }: ReturnType<typeof low.highlight>): readonly ElementContent[] {
  return children.filter((child): child is ElementContent => child.type !== "doctype");
}
