import type { MouseEvent, ReactNode } from "react";
import { navigate } from "./navigation";

interface LinkProps {
  readonly to: string;
  readonly current?: boolean;
  readonly className?: string | undefined;
  readonly label?: string;
  readonly children: ReactNode;
}

/** An ordinary link, which a plain click follows without loading the page anew. */
export function Link({ to, current = false, className, label, children }: LinkProps) {
  const follow = (event: MouseEvent) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!isPlain) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} onClick={follow} className={className} aria-current={current ? "page" : undefined} aria-label={label}>
      {children}
    </a>
  );
}
