import { useCallback, useEffect } from "react";
import { redirect } from "../router/navigation";
import { channelPath } from "../router/routes";
import { Notice } from "./notice";
import { useServices } from "./services";
import { useReading } from "./useReading";
import { explain } from "./words";

interface SomewhereProps {
  readonly channelId: string;
  readonly messageId: string | null;
}

/** Finds the server of a channel and goes there. */
export function Somewhere({ channelId, messageId }: SomewhereProps) {
  const { api } = useServices();
  const read = useCallback((signal: AbortSignal) => api.channel(channelId, signal), [api, channelId]);
  const { value, problem, again } = useReading(read);
  const serverId = value?.server ?? null;
  useEffect(() => {
    if (serverId !== null) redirect(channelPath(serverId, channelId, messageId));
  }, [serverId, channelId, messageId]);
  return (
    <main className="main">
      <h1 className="visually-hidden">Channel</h1>
      {problem === null ? (
        <Notice title="Opening the channel…" />
      ) : (
        <Notice {...explain(problem)} action={{ label: "Try again", run: again }} />
      )}
    </main>
  );
}
