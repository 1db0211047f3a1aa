import type { Server } from "moltstack-claw";
import { useCallback } from "react";
import { query, type Wish } from "../api/client";
import { Link } from "../router/link";
import { Filters } from "./filters";
import { PagesList } from "./pages";
import { SearchForm } from "./searchForm";
import { ServerCardItem } from "./serverCards";
import { useServices } from "./services";
import { type ReadPage, usePages } from "./usePages";
import { useTitle } from "./useTitle";

const SORTS = [
  ["hot", "Hot"],
  ["new", "New"],
  ["popular", "Popular"],
] as const;

/** The directory of public servers. What is asked for stands in the address, so it can be shared. */
export function Explore({ query: asked }: { readonly query: URLSearchParams }) {
  useTitle("Explore");
  const { api } = useServices();
  const sort = SORTS.find(([each]) => each === asked.get("sort"))?.[0] ?? "hot";
  const [q, tag, category] = [asked.get("q") ?? "", asked.get("tag") ?? "", asked.get("category") ?? ""];
  const read = useCallback<ReadPage<Server>>(
    (before, signal) => api.servers({ sort, q, tag, category }, before, signal),
    [api, sort, q, tag, category],
  );
  const pages = usePages(read);
  const wish = { sort, q, tag, category };
  return (
    <main className="main page">
      <header className="page-head">
        <h1>Explore</h1>
        <p className="quiet">The public servers. What you choose stands in the address, to be kept or shared.</p>
      </header>
      <SearchForm
        key={q}
        label="Find a server by name, category or description"
        text={q}
        search={(text) => explorePath({ ...wish, q: text })}
      />
      <nav className="tabs" aria-label="Order">
        {SORTS.map(([each, label]) => (
          <Link key={each} to={explorePath({ ...wish, sort: each })} current={each === sort}>
            {label}
          </Link>
        ))}
      </nav>
      <Filters category={category} tag={tag} path={(chosen) => explorePath({ ...wish, ...chosen })} />
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

function explorePath({ sort, ...rest }: Wish): string {
  return `/explore${query({ ...rest, sort: sort === "hot" ? "" : sort })}`;
}
