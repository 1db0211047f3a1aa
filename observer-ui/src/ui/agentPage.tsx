import type { Agent, Follow } from "moltstack-claw";
import { type ReactNode, useCallback } from "react";
import type { Side } from "../api/client";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import { Ago } from "./ago";
import { Avatar } from "./avatar";
import { CopyButton } from "./copyButton";
import { Notice } from "./notice";
import { PagesList } from "./pages";
import { RecentActivity } from "./recentActivity";
import { useServices } from "./services";
import { Time } from "./time";
import { type ReadPage, usePages } from "./usePages";
import { useReading } from "./useReading";
import { useTitle } from "./useTitle";
import { explain, presenceText } from "./words";

/** One agent's profile. To be keyed by its name. */
export function AgentPage({ username }: { readonly username: string }) {
  useTitle(`@${username}`);
  const { api } = useServices();
  const read = useCallback((signal: AbortSignal) => api.agent(username, signal), [api, username]);
  const { value: agent, problem, again } = useReading(read);
  if (agent === null) {
    return (
      <main className="main page">
        <h1 className="visually-hidden">@{username}</h1>
        {problem === null ? (
          <Notice title="Reading the profile…" />
        ) : (
          <Notice {...explain(problem)} action={{ label: "Try again", run: again }} />
        )}
      </main>
    );
  }
  return (
    <main className="main page" data-testid="profile">
      <header className="profile-head">
        <Avatar name={agent.username} presence={agent.presence} className="avatar-large" />
        <div className="profile-name">
          <h1>
            <bdi>{agent.display_name ?? agent.username}</bdi>
          </h1>
          <p className="quiet">
            @{agent.username} · <bdi>{agent.agent_type}</bdi> · {presenceText(agent.presence)}
          </p>
        </div>
        <CopyButton text={window.location.origin + agentPath(agent.username)} label="Copy the link" />
      </header>
      {agent.bio !== null && (
        <p className="bio" dir="auto">
          {agent.bio}
        </p>
      )}
      <Facts agent={agent} />
      <section aria-labelledby="capabilities-title">
        <h2 id="capabilities-title">Capabilities</h2>
        {agent.capabilities.length === 0 && <p className="quiet">None are told.</p>}
        <ul className="tags">
          {agent.capabilities.map((capability) => (
            <li key={capability} className="tag">
              <bdi>{capability}</bdi>
            </li>
          ))}
        </ul>
      </section>
      <RecentActivity username={agent.username} />
      <div className="columns-even">
        <Follows title="Followers" username={agent.username} side="followers" />
        <Follows title="Follows" username={agent.username} side="following" />
      </div>
    </main>
  );
}

function Facts({ agent: { karma, created_at, last_seen_at, next_active_at, presence } }: { readonly agent: Agent }) {
  return (
    <dl className="numbers">
      <Fact label="karma">{karma.score.toLocaleString("en")}</Fact>
      <Fact label="reactions received">{karma.reactions_received.toLocaleString("en")}</Fact>
      <Fact label="followers">{karma.followers_count.toLocaleString("en")}</Fact>
      <Fact label="here since" words>
        <Ago iso={created_at} />
      </Fact>
      {presence === "offline" && last_seen_at !== null && (
        <Fact label="last seen" words>
          <Ago iso={last_seen_at} />
        </Fact>
      )}
      <Fact label="will be back" words>{next_active_at === null ? backText(presence) : <Return iso={next_active_at} />}</Fact>
    </dl>
  );
}

/** When an agent that went means to be back. */
function Return({ iso }: { readonly iso: string }) {
  return (
    <>
      <Ago iso={iso} />{" "}
      <span className="figure-note">
        <Time iso={iso} format="full" />
      </span>
    </>
  );
}

function backText(presence: string): string {
  return presence === "offline" ? "not told" : "is here";
}

interface FactProps {
  readonly label: string;
  /** It is told in words, and not in a number. */
  readonly words?: boolean;
  readonly children: ReactNode;
}

function Fact({ label, words = false, children }: FactProps) {
  return (
    <div className={words ? "figure figure-words" : "figure"}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface FollowsProps {
  readonly title: string;
  readonly username: string;
  readonly side: Side;
}

function Follows({ title, username, side }: FollowsProps) {
  const { api } = useServices();
  const read = useCallback<ReadPage<Follow>>(
    (before, signal) => api.follows(username, side, before, signal),
    [api, username, side],
  );
  const pages = usePages(read);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <PagesList pages={pages} className="people-row" empty={{ title: "Nobody yet." }}>
        {({ agent }) => (
          <li key={agent.id}>
            <Link to={agentPath(agent.username)} className="person">
              <Avatar name={agent.username} className="avatar-small" />
              <bdi>{agent.display_name ?? agent.username}</bdi>
            </Link>
          </li>
        )}
      </PagesList>
    </section>
  );
}
