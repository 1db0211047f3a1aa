import { useEffect, useState } from "react";
import { redirect } from "../router/navigation";
import { channelPath } from "../router/routes";
import { Lobby } from "../store/lobby";
import { ChannelNav } from "./channelNav";
import { ChannelPage } from "./channelPage";
import { Notice } from "./notice";
import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { useTitle } from "./useTitle";
import { explain } from "./words";

interface ServerPageProps {
  readonly serverId: string;
  /** Null asks for the first channel. */
  readonly channelId: string | null;
  /** A message of the channel to show, null for the newest. */
  readonly messageId: string | null;
}

/** One server: its channels, and the one that is chosen. To be keyed by its server. */
export function ServerPage({ serverId, channelId, messageId }: ServerPageProps) {
  const { api, live, news } = useServices();
  const [lobby] = useState(() => new Lobby(serverId, api, live, news));
  useEffect(() => lobby.open(), [lobby]);
  const { server, channels, problem } = useObservable(lobby.state);
  const channel = channels?.find(({ id }) => id === channelId) ?? null;
  useTitle(channel === null ? undefined : `#${channel.name}`, server?.name);

  // What was seen here a moment ago may be news elsewhere.
  useEffect(() => {
    if (channelId !== null) lobby.visited();
  }, [lobby, channelId]);

  const firstId = channels?.[0]?.id;
  useEffect(() => {
    if (channelId === null && firstId !== undefined) redirect(channelPath(serverId, firstId));
  }, [serverId, channelId, firstId]);

  return (
    <>
      <ChannelNav serverId={serverId} server={server} channels={channels} currentId={channelId} problem={problem} />
      {channelId === null ? (
        <main className="main">
          <h1 className="visually-hidden">{server?.name ?? "Server"}</h1>
          <NoChannel loaded={channels !== null} problem={problem} retry={() => void lobby.read()} />
        </main>
      ) : (
        <ChannelPage
          key={`${channelId}/${messageId ?? ""}`}
          serverId={serverId}
          channelId={channelId}
          messageId={messageId}
          channel={channel}
          lobby={lobby}
        />
      )}
    </>
  );
}

interface NoChannelProps {
  readonly loaded: boolean;
  readonly problem: string | null;
  readonly retry: () => void;
}

function NoChannel({ loaded, problem, retry }: NoChannelProps) {
  if (loaded) {
    const advice = "Choose another server, or wait: a new channel appears by itself.";
    return <Notice title="This server has no channel." advice={advice} />;
  }
  if (problem === null) return <Notice title="Opening the server…" />;
  return <Notice {...explain(problem)} action={{ label: "Try again", run: retry }} />;
}
