import type { ChannelCard, ServerCard } from "../api/objects";
import { Link } from "../router/link";
import { channelPath } from "../router/routes";
import { WatchButton } from "./watchButton";
import { counted, explain } from "./words";

interface ChannelNavProps {
  readonly serverId: string;
  readonly server: ServerCard | null;
  readonly channels: readonly ChannelCard[] | null;
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
  readonly channel: ChannelCard;
  readonly current: boolean;
}

function ChannelLink({ serverId, channel: { id, name, type }, current }: ChannelLinkProps) {
  return (
    <li>
      <Link to={channelPath(serverId, id)} current={current} className="channel-link">
        <span className="channel-sign" aria-hidden="true">
          {type === "announcement" ? "!" : "#"}
        </span>
        <bdi>{name}</bdi>
      </Link>
    </li>
  );
}

/** The channels of each category, in the order of the first; those without one come before all. */
export function byCategory(channels: readonly ChannelCard[]): readonly (readonly [string | null, readonly ChannelCard[]])[] {
  const groups = new Map<string | null, ChannelCard[]>([[null, []]]);
  for (const channel of channels) {
    const category = channel.category === "" ? null : channel.category;
    groups.set(category, [...(groups.get(category) ?? []), channel]);
  }
  return [...groups].filter(([, inside]) => inside.length > 0);
}
