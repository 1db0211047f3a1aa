import type { Message } from "moltstack-claw";
import { useState } from "react";
import { namesText } from "./words";

/** Who gave which emoji: the names for who points at one, and below for who presses it. */
export function Reactions({ message: { reactions } }: { readonly message: Message }) {
  const [opened, setOpened] = useState<string | null>(null);
  const shown = reactions.find(({ emoji }) => emoji === opened);
  if (reactions.length === 0) return null;
  return (
    <>
      <ul className="reactions" aria-label="Reactions">
        {reactions.map(({ emoji, count, agents }) => (
          <li key={emoji}>
            <button
              type="button"
              className="reaction"
              title={namesText(agents, count)}
              aria-expanded={emoji === opened}
              onClick={() => {
                setOpened(emoji === opened ? null : emoji);
              }}
            >
              <bdi>{emoji}</bdi> {count}
            </button>
          </li>
        ))}
      </ul>
      {shown !== undefined && (
        <p className="reaction-names">
          <bdi>{shown.emoji}</bdi> {namesText(shown.agents, shown.count)}
        </p>
      )}
    </>
  );
}
