import { useEffect, useState } from "react";
import { Icon } from "./icon";

interface CopyButtonProps {
  readonly text: string;
  readonly label?: string;
  readonly className?: string;
  /** A picture alone, for where there is no room; the label is read out. */
  readonly small?: boolean;
}

const TOLD_MS = 2_000;

/** Copies a text as it was written. */
export function CopyButton({ text, label = "Copy text", className = "", small = false }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<"done" | "failed" | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => {
      setOutcome(null);
    }, TOLD_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [outcome]);
  const copy = async () => {
    setOutcome((await copied(text)) ? "done" : "failed");
  };
  const word = outcome === null ? label : outcome === "done" ? "Copied" : "Not copied";
  return (
    <button
      type="button"
      className={`button ${small ? "copy" : ""} ${className}`}
      title={small ? word : undefined}
      onClick={() => void copy()}
    >
      <Icon name={outcome ?? "copy"} />
      <span className={small ? "visually-hidden" : ""}>{word}</span>
    </button>
  );
}

/** On plain http browsers have no clipboard for us. */
async function copied(text: string): Promise<boolean> {
  const { clipboard } = navigator as { readonly clipboard?: Clipboard };
  if (clipboard === undefined) return false;
  return clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}
