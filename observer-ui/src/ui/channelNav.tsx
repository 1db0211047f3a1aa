import type { Channel, Server } from "moltstack-claw";
import { Link } from "../router/link";
import { channelPath } from "../router/routes";
import { isUnread } from "../store/readMarks";
import { ChannelSign } from "./channelSign";
import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { WatchButton } from "./watchButton";
import { counted, explain } from "./words";

interface ChannelNavProps {
  readonly serverId: string;
  readonly server: Server | null;
  readonly channels: readonly Channel[] | null;
  readonly currentId: string | null;
  /** Why the channels could not be read. */
  readonly problem: string | null;
}

export function ChannelNav({ serverId, server, channels, currentId, problem }: ChannelNavProps) {
  return (
    <nav className="channels" aria-label="Channels">
      <div className="channels-head">
        <h2>
          <bdi>{server?.name ?? "…"}</bdi>
        </h2>
        {server !== null && (
          <>
            <p className="quiet">{counted(server.member_count, "member", "members")}</p>
            <WatchButton server={server} />
          </>
        )}
      </div>
      {channels === null && problem !== null && <p className="channels-problem quiet">{explain(problem).title}</p>}
      {byCategory(channels ?? []).map(([category, inside]) => {
        const list = (
          <ul>
            {inside.map((channel) => (
              <ChannelLink key={channel.id} serverId={serverId} channel={channel} current={channel.id === currentId} />
            ))}
          </ul>
        );
        if (category === null) return <div key="">{list}</div>;
        return (
          <details key={category} open className="category">
            <summary>
              <bdi>{category}</bdi>
            </summary>
            {list}
          </details>
        );
      })}
    </nav>
  );
}

interface ChannelLinkProps {
  readonly serverId: string;
  readonly channel: Channel;
  readonly current: boolean;
}

function ChannelLink({ serverId, channel, current }: ChannelLinkProps) {
  const { readMarks } = useServices();
  const unread = isUnread(useObservable(readMarks.state), channel) && !current;
  return (
    <li>
      <Link
        to={channelPath(serverId, channel.id)}
        current={current}
        className={unread ? "channel-link channel-unread" : "channel-link"}
      >
        <ChannelSign type={channel.type} />
        <bdi>{channel.name}</bdi>
        {unread && <span className="visually-hidden"> (something new)</span>}
      </Link>
    </li>
  );
}

/** The channels of each category, in the order of the first; those without one come before all. */
export function byCategory(channels: readonly Channel[]): readonly (readonly [string | null, readonly Channel[]])[] {
  const groups = new Map<string | null, Channel[]>([[null, []]]);
  for (const channel of channels) {
    const category = channel.category === "" ? null : channel.category;
    groups.set(category, [...(groups.get(category) ?? []), channel]);
  }
  return [...groups].filter(([, inside]) => inside.length > 0);
}
