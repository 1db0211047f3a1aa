import type { Page } from "moltstack-claw";
import { useCallback, useEffect, useState } from "react";
import { ApiError } from "../api/problem";

/** `before` is what the page before said as `next`. */
export type ReadPage<Item> = (before: string | null, signal: AbortSignal) => Promise<Page<Item>>;

interface Pages<Item> {
  readonly of: unknown;
  /** Null until the first page has been read. */
  readonly items: readonly Item[] | null;
  readonly next: string | null;
  readonly problem: string | null;
}

/** A list page by page. Starts anew when `read` changes, so keep that with useCallback. */
export function usePages<Item>(read: ReadPage<Item>) {
  const [pages, setPages] = useState<Pages<Item>>({ of: read, items: null, next: null, problem: null });
  const [asked, setAsked] = useState<{ readonly of: unknown; readonly before: string | null }>({ of: read, before: null });
  const before = asked.of === read ? asked.before : null;
  useEffect(() => {
    const giveUp = new AbortController();
    const { signal } = giveUp;
    read(before, signal).then(
      ({ items, next }) => {
        if (signal.aborted) return;
        setPages((known) => {
          const earlier = known.of === read && before !== null ? (known.items ?? []) : [];
          return { of: read, items: [...earlier, ...items], next, problem: null };
        });
      },
      (error: unknown) => {
        if (signal.aborted) return;
        const problem = error instanceof ApiError ? error.code : "internal";
        setPages((known) => ({ of: read, items: known.of === read ? known.items : null, next: null, problem }));
      },
    );
    return () => {
      giveUp.abort();
    };
  }, [read, before, asked]);
  const again = useCallback(() => {
    setAsked({ of: read, before: null });
  }, [read]);
  const { items, next, problem } = pages.of === read ? pages : { items: null, next: null, problem: null };
  const more = useCallback(() => {
    setAsked({ of: read, before: next });
  }, [read, next]);
  return { items, next, problem, more, again };
}
