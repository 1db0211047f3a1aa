import type { Channel } from "moltstack-claw";

/** Beside the name of a channel: of one in which only owner and admins post, another. */
export function ChannelSign({ type }: Pick<Channel, "type">) {
  return (
    <span className="channel-sign" aria-hidden="true">
      {type === "announcement" ? "!" : "#"}
    </span>
  );
}
