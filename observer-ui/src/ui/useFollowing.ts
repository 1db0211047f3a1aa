import { type RefObject, useCallback, useLayoutEffect, useRef } from "react";
import type { Row } from "../store/timeline";

const AT_BOTTOM_PX = 48;

interface Following {
  /** For the box that scrolls. */
  readonly log: RefObject<HTMLDivElement | null>;
  /** For what is inside of it and grows. */
  readonly lines: RefObject<HTMLDivElement | null>;
  readonly scrolled: () => void;
}

/** Keeps the newest in sight while the reader follows, whatever grows; who scrolls up stops following. */
export function useFollowing(
  following: boolean,
  rows: readonly Row[],
  setFollowing: (following: boolean) => void,
): Following {
  const log = useRef<HTMLDivElement>(null);
  const lines = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);

  useLayoutEffect(() => {
    if (following) toEnd(log.current);
  }, [rows, following]);

  const isEmpty = rows.length === 0;
  useLayoutEffect(() => {
    if (!following || isEmpty || log.current === null || lines.current === null) return;
    const observer = new ResizeObserver(() => {
      toEnd(log.current);
    });
    observer.observe(log.current);
    observer.observe(lines.current);
    return () => {
      observer.disconnect();
    };
  }, [following, isEmpty]);

  const scrolled = useCallback(() => {
    if (log.current === null) return;
    const { scrollTop, scrollHeight, clientHeight } = log.current;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX;
    // Growth below leaves the end behind without the reader having gone up.
    if (isAtEnd) setFollowing(true);
    else if (scrollTop < lastTop.current) setFollowing(false);
    lastTop.current = scrollTop;
  }, [setFollowing]);

  return { log, lines, scrolled };
}

function toEnd(box: HTMLElement | null): void {
  if (box !== null) box.scrollTop = box.scrollHeight;
}
