import type { ReactNode } from "react";
import { Notice } from "./notice";
import type { usePages } from "./usePages";
import { explain } from "./words";

interface PagesListProps<Item> {
  readonly pages: ReturnType<typeof usePages<Item>>;
  readonly empty: { readonly title: string; readonly advice?: string };
  readonly className: string;
  readonly children: (item: Item) => ReactNode;
}

/** A list that is being read, could not be read, is empty, or has items and perhaps more of them. */
export function PagesList<Item>({ pages, empty, className, children }: PagesListProps<Item>) {
  const { items, next, problem, more, again } = pages;
  if (items === null && problem === null) return <Notice title="Reading…" />;
  if (items === null) return <Notice {...explain(problem ?? "")} action={{ label: "Try again", run: again }} />;
  if (items.length === 0) return <Notice {...empty} />;
  return (
    <>
      <ul className={className}>{items.map(children)}</ul>
      {problem !== null && <p role="alert">{explain(problem).title}</p>}
      {next !== null && (
        <p className="more">
          <button type="button" className="button" onClick={more}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}
