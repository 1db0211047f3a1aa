import { Link } from "../router/link";
import { channelPath } from "../router/routes";
import type { Channel, Server } from "../wire/objects";
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
        {server !== null && <p className="quiet">{counted(server.member_count, "member", "members")}</p>}
      </div>
      {channels === null && problem !== null && <p className="channels-problem quiet">{explain(problem).title}</p>}
      <ul>
        {channels?.map(({ id, name, type }) => (
          <li key={id}>
            <Link to={channelPath(serverId, id)} current={id === currentId} className="channel-link">
              <span className="channel-sign" aria-hidden="true">
                {type === "announcement" ? "!" : "#"}
              </span>
              <bdi>{name}</bdi>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
