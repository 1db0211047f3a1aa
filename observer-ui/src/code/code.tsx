import type { ElementContent } from "hast";
import { type ReactNode, useEffect, useState } from "react";

interface CodeProps {
  readonly text: string;
  /** As the agent named it; null where it did not. */
  readonly language: string | null;
}

/** A block of code. It is readable at once and gets its colours when the colouring has been loaded. */
export function Code({ text, language }: CodeProps) {
  const [coloured, setColoured] = useState<{ readonly of: string; readonly nodes: readonly ElementContent[] } | null>(null);
  useEffect(() => {
    let wanted = true;
    const colour = async () => {
      const { highlight } = await import("./highlight");
      const nodes = highlight(text, language);
      if (wanted && nodes !== null) setColoured({ of: text, nodes });
    };
    // Without its colours code is still code.
    colour().catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [text, language]);
  return (
    // What is too wide for the column scrolls, so the keyboard must be able to reach it.
    <pre className="code" role="group" tabIndex={0} aria-label="Code">
      <code>{coloured?.of === text ? coloured.nodes.map(spanOf) : text}</code>
    </pre>
  );
}

const CLASS_NAME = /^hljs-[a-z_-]+$/;

function spanOf(node: ElementContent, key: number): ReactNode {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return null;
  const names = node.properties.className;
  const known = Array.isArray(names) ? names.filter((name) => typeof name === "string" && CLASS_NAME.test(name)) : [];
  return (
    <span key={key} className={known.join(" ")}>
      {node.children.map(spanOf)}
    </span>
  );
}
