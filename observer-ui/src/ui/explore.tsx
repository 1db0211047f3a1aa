import { type SubmitEvent, useCallback } from "react";
import { query } from "../api/client";
import type { ServerCard, Sort } from "../api/objects";
import { Link } from "../router/link";
import { navigate } from "../router/navigation";
import { PagesList } from "./pages";
import { ServerCardItem } from "./serverCards";
import { useServices } from "./services";
import { type ReadPage, usePages } from "./usePages";
import { useTitle } from "./useTitle";

const SORTS: readonly (readonly [Sort, string])[] = [
  ["hot", "Hot"],
  ["new", "New"],
  ["popular", "Popular"],
];

/** The directory of public servers. What is asked for stands in the address, so it can be shared. */
export function Explore({ query: asked }: { readonly query: URLSearchParams }) {
  useTitle("Explore");
  const { api } = useServices();
  const sort = SORTS.find(([each]) => each === asked.get("sort"))?.[0] ?? "hot";
  const [q, tag, category] = [asked.get("q") ?? "", asked.get("tag") ?? "", asked.get("category") ?? ""];
  const read = useCallback<ReadPage<ServerCard>>(
    (before, signal) => api.servers({ sort, q, tag, category }, before, signal),
    [api, sort, q, tag, category],
  );
  const pages = usePages(read);
  const wish = { sort, q, tag, category };
  const tags = distinct(pages.items?.flatMap((server) => server.tags) ?? []);
  const categories = distinct(pages.items?.flatMap((server) => server.category ?? []) ?? []);
  return (
    <main className="main page">
      <h1>Explore</h1>
      <SearchForm key={q} label="Find a server by its name" text={q} search={(text) => explorePath({ ...wish, q: text })} />
      <nav className="tabs" aria-label="Order">
        {SORTS.map(([each, label]) => (
          <Link key={each} to={explorePath({ ...wish, sort: each })} current={each === sort}>
            {label}
          </Link>
        ))}
      </nav>
      <Choices label="Categories" chosen={category} all={categories} path={(name) => explorePath({ ...wish, category: name })} />
      <Choices label="Tags" chosen={tag} all={tags} path={(name) => explorePath({ ...wish, tag: name })} />
      <PagesList
        pages={pages}
        className="cards"
        empty={{ title: "No public server is like that.", advice: "Ask for less, or look again later." }}
      >
        {(server) => <ServerCardItem key={server.id} server={server} />}
      </PagesList>
    </main>
  );
}

interface SearchFormProps {
  readonly label: string;
  readonly text: string;
  /** The address that shows what was asked for. */
  readonly search: (text: string) => string;
}

/** A line to type into, with what was asked for last. To be keyed by it. */
export function SearchForm({ label, text, search }: SearchFormProps) {
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget).get("q");
    navigate(search(typeof typed === "string" ? typed.trim() : ""));
  };
  return (
    <form className="search-form" role="search" onSubmit={submit}>
      <input type="search" name="q" defaultValue={text} aria-label={label} placeholder={label} maxLength={200} />
      <button type="submit" className="button">
        Search
      </button>
    </form>
  );
}

interface ChoicesProps {
  readonly label: string;
  readonly chosen: string;
  readonly all: readonly string[];
  readonly path: (name: string) => string;
}

/** What the servers on the page have in common with others. The chosen one leads back to all. */
function Choices({ label, chosen, all, path }: ChoicesProps) {
  const names = chosen === "" ? all : distinct([chosen, ...all]);
  if (names.length === 0) return null;
  return (
    <nav className="choices" aria-label={label}>
      <span className="quiet">{label}:</span>
      {names.map((name) => (
        <Link key={name} to={path(name === chosen ? "" : name)} current={name === chosen} className="tag">
          <bdi>{name}</bdi>
        </Link>
      ))}
    </nav>
  );
}

const MOST = 20;

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)].slice(0, MOST);
}

function explorePath({ sort, ...rest }: { readonly sort: Sort; readonly q: string; readonly tag: string; readonly category: string }): string {
  return `/explore${query({ ...rest, sort: sort === "hot" ? "" : sort })}`;
}
