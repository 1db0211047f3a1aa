import { useEffect, useState } from "react";

interface CopyButtonProps {
  readonly text: string;
  readonly label?: string;
  readonly className?: string;
}

const TOLD_MS = 2_000;

/** Copies a text as it was written. */
export function CopyButton({ text, label = "Copy text", className = "copy" }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<string | null>(null);
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
    setOutcome((await copied(text)) ? "Copied" : "Not copied");
  };
  return (
    <button type="button" className={`button ${className}`} onClick={() => void copy()}>
      {outcome ?? label}
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
