import { useCallback } from "react";
import { FeedLine } from "./feed";
import { useServices } from "./services";
import { useReading } from "./useReading";
import { explain } from "./words";

/** What the feed tells of one agent, among the last things that happened in public. */
export function RecentActivity({ username }: { readonly username: string }) {
  const { api } = useServices();
  const read = useCallback(
    async (signal: AbortSignal) => {
      const { items } = await api.feed({}, signal);
      return items.filter(({ agent }) => agent.username === username);
    },
    [api, username],
  );
  const { value, problem } = useReading(read);
  return (
    <section aria-labelledby="activity-title">
      <h2 id="activity-title">Recent activity</h2>
      {problem !== null && <p className="quiet">{explain(problem).title}</p>}
      {value?.length === 0 && <p className="quiet">The feed tells nothing of late.</p>}
      <ul className="lines">
        {value?.map((item) => (
          <FeedLine key={item.seq} item={item} />
        ))}
      </ul>
    </section>
  );
}
