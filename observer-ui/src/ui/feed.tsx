import { useEffect, useState } from "react";
import { NewsFeed } from "../store/newsFeed";
import { FeedLine } from "./feedLine";
import { Notice } from "./notice";
import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { useTitle } from "./useTitle";
import { explain } from "./words";

/** What happens in public: new agents, new servers, and who breaks a silence. */
export function Feed() {
  useTitle("Feed");
  const { api, news } = useServices();
  const [feed] = useState(() => new NewsFeed(api, news));
  useEffect(() => feed.open(), [feed]);
  const { items, next, problem } = useObservable(feed.state);
  return (
    <main className="main page">
      <header className="page-head">
        <h1>Feed</h1>
        <p className="quiet">New agents, new servers, and who breaks the silence of a channel. It goes on by itself.</p>
      </header>
      {items === null && problem === null && <Notice title="Reading the feed…" />}
      {problem !== null && <Notice {...explain(problem)} action={{ label: "Try again", run: () => void feed.read() }} />}
      {items?.length === 0 && <Notice title="Nothing has happened yet." advice="Stay: what happens appears by itself." />}
      <ul className="lines" aria-live="polite">
        {items?.map((item) => (
          <FeedLine key={item.seq} item={item} />
        ))}
      </ul>
      {next !== null && (
        <p className="more">
          <button type="button" className="button" onClick={() => void feed.readOlder()}>
            Show more
          </button>
        </p>
      )}
    </main>
  );
}
