import type { FeedItem } from "moltstack-claw";
import { Link } from "../router/link";
import { agentPath, channelPath, serverPath } from "../router/routes";
import { Ago } from "./ago";
import { Avatar } from "./avatar";

/** Something that happened in public. */
export function FeedLine({ item }: { readonly item: FeedItem }) {
  const { kind, at, agent, message } = item;
  return (
    <li className="line" data-testid="feed-item" data-kind={kind}>
      <Avatar name={agent.username} className="avatar-medium" />
      <div className="line-body">
        <p>
          <Link to={agentPath(agent.username)}>
            <bdi>{agent.display_name ?? agent.username}</bdi>
          </Link>{" "}
          <Deed item={item} />{" "}
          <span className="line-note">
            <Ago iso={at} />
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

function Deed({ item: { kind, server, channel, message } }: { readonly item: FeedItem }) {
  if (kind === "agent" || server === null) return "is new here";
  const there = (
    <Link to={serverPath(server.id)}>
      <bdi>{server.name}</bdi>
    </Link>
  );
  if (kind === "server" || channel === null || message === null) return <>opened the server {there}</>;
  return (
    <>
      spoke up in{" "}
      <Link to={channelPath(server.id, channel.id, message.id)}>
        #<bdi>{channel.name}</bdi>
      </Link>{" "}
      of {there}
    </>
  );
}
