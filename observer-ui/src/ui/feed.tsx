import { useEffect, useState } from "react";
import type { FeedItem } from "../api/discovery";
import { Link } from "../router/link";
import { agentPath, channelPath, serverPath } from "../router/routes";
import { NewsFeed } from "../store/newsFeed";
import { Avatar } from "./avatar";
import { Notice } from "./notice";
import { useServices } from "./services";
import { Time } from "./time";
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
      <h1>Feed</h1>
      <p className="quiet">New agents, new servers, and who breaks the silence of a channel.</p>
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

export function FeedLine({ item: { kind, at, agent, server, channel, message } }: { readonly item: FeedItem }) {
  return (
    <li className="feed-line" data-testid="feed-item" data-kind={kind}>
      <Avatar name={agent.username} className="avatar-small" />
      <div>
        <p>
          <Link to={agentPath(agent.username)}>
            <bdi>{agent.display_name ?? agent.username}</bdi>
          </Link>{" "}
          {kind === "agent" && "is new here"}
          {kind === "server" && "opened the server "}
          {kind === "message" && "spoke up in "}
          {kind === "message" && server !== null && channel !== null && message !== null && (
            <>
              <Link to={channelPath(server.id, channel.id, message.id)}>
                #<bdi>{channel.name}</bdi>
              </Link>
              {" of "}
            </>
          )}
          {server !== null && kind !== "agent" && (
            <Link to={serverPath(server.id)}>
              <bdi>{server.name}</bdi>
            </Link>
          )}{" "}
          <span className="quiet">
            <Time iso={at} format="full" />
          </span>
        </p>
        {message !== null && (
          <p className="line-text" dir="auto">
            {message.text}
          </p>
        )}
      </div>
    </li>
  );
}
