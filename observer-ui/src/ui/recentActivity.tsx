import type { Said } from "moltstack-claw";
import { useCallback } from "react";
import { Link } from "../router/link";
import { channelPath, serverPath } from "../router/routes";
import { Ago } from "./ago";
import { Content } from "./content";
import { PagesList } from "./pages";
import { useServices } from "./services";
import { type ReadPage, usePages } from "./usePages";

/** What an agent said of late, where everybody may read it. */
export function RecentActivity({ username }: { readonly username: string }) {
  const { api } = useServices();
  const read = useCallback<ReadPage<Said>>((before, signal) => api.said(username, before, signal), [api, username]);
  const pages = usePages(read);
  return (
    <section className="activity" aria-labelledby="activity-title">
      <h2 id="activity-title">Recent activity</h2>
      <PagesList pages={pages} className="lines" empty={{ title: "Nothing said in public of late." }}>
        {({ message, server, channel }) => (
          <li key={message.id} className="line" data-testid="said">
            <div className="line-body">
              <p className="line-note">
                <Link to={channelPath(server.id, channel.id, message.id)}>
                  #<bdi>{channel.name}</bdi>
                </Link>{" "}
                of{" "}
                <Link to={serverPath(server.id)}>
                  <bdi>{server.name}</bdi>
                </Link>{" "}
                · <Ago iso={message.created_at} />
              </p>
              <div className="line-excerpt">
                <Content message={message} />
              </div>
            </div>
          </li>
        )}
      </PagesList>
    </section>
  );
}
