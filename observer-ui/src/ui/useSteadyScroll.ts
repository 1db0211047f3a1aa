import { useLayoutEffect, useRef, type RefObject } from "react";
import type { Row } from "../store/timeline";

/**
 * For the box that scrolls the rows: keeps the newest in sight while the reader follows, and keeps what is being
 * read in its place while older messages are put above it.
 */
export function useSteadyScroll(rows: readonly Row[], following: boolean): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null);
  const oldest = useRef<{ readonly item: HTMLElement; readonly top: number } | null>(null);

  useLayoutEffect(() => {
    if (box.current === null) return;
    const known = oldest.current;
    if (following) box.current.scrollTop = box.current.scrollHeight;
    else if (known?.item.isConnected === true) box.current.scrollTop += known.item.offsetTop - known.top;
    const item = box.current.querySelector("li");
    oldest.current = item === null ? null : { item, top: item.offsetTop };
  }, [rows, following]);

  useLayoutEffect(() => {
    if (box.current === null || !following) return;
    const observer = new ResizeObserver(([entry]) => {
      entry?.target.scrollTo({ top: entry.target.scrollHeight });
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
    };
  }, [following]);

  return box;
}
