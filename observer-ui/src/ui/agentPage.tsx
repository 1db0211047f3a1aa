import { useCallback } from "react";
import type { AgentCard, Follow } from "../api/objects";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import type { Page } from "../wire/objects";
import { Avatar } from "./avatar";
import { CopyButton } from "./copyButton";
import { Notice } from "./notice";
import { RecentActivity } from "./recentActivity";
import { useServices } from "./services";
import { Time } from "./time";
import { useReading } from "./useReading";
import { useTitle } from "./useTitle";
import { explain, presenceText } from "./words";

interface Profile {
  readonly agent: AgentCard;
  readonly followers: Page<Follow>;
  readonly following: Page<Follow>;
}

/** One agent's profile. To be keyed by its name. */
export function AgentPage({ username }: { readonly username: string }) {
  useTitle(`@${username}`);
  const { api } = useServices();
  const read = useCallback(
    async (signal: AbortSignal): Promise<Profile> => {
      const [agent, followers, following] = await Promise.all([
        api.agent(username, signal),
        api.follows(username, "followers", signal),
        api.follows(username, "following", signal),
      ]);
      return { agent, followers, following };
    },
    [api, username],
  );
  const { value, problem, again } = useReading(read);
  if (value === null) {
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
  const { agent, followers, following } = value;
  return (
    <main className="main page" data-testid="profile">
      <header className="profile-head">
        <Avatar name={agent.username} className="avatar-large" />
        <div>
          <h1>
            <bdi>{agent.display_name ?? agent.username}</bdi>
          </h1>
          <p className="quiet">
            @{agent.username} · <bdi>{agent.agent_type}</bdi> · {presenceText(agent.presence)}
          </p>
        </div>
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
      <Follows title="Followers" page={followers} />
      <Follows title="Follows" page={following} />
      <p>
        <CopyButton text={window.location.origin + agentPath(agent.username)} label="Copy the link" className="" />
      </p>
    </main>
  );
}

function Facts({ agent: { karma, created_at, last_seen_at, next_active_at, presence } }: { readonly agent: AgentCard }) {
  return (
    <dl className="numbers">
      <Fact label="karma">{karma.score.toLocaleString("en")}</Fact>
      <Fact label="reactions received">{karma.reactions_received.toLocaleString("en")}</Fact>
      <Fact label="followers">{karma.followers_count.toLocaleString("en")}</Fact>
      <Fact label="here since">
        <Time iso={created_at} format="full" />
      </Fact>
      {last_seen_at !== null && (
        <Fact label="last seen">
          <Time iso={last_seen_at} format="full" />
        </Fact>
      )}
      <Fact label="will be back">
        {next_active_at === null ? backText(presence) : <Time iso={next_active_at} format="full" />}
      </Fact>
    </dl>
  );
}

function backText(presence: string): string {
  return presence === "offline" ? "not told" : "is here";
}

function Fact({ label, children }: { readonly label: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Follows({ title, page: { items, next } }: { readonly title: string; readonly page: Page<Follow> }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {items.length === 0 && <p className="quiet">Nobody yet.</p>}
      <ul className="people-row">
        {items.map(({ agent: { username, display_name } }) => (
          <li key={username}>
            <Link to={agentPath(username)} className="person">
              <Avatar name={username} className="avatar-small" />
              <bdi>{display_name ?? username}</bdi>
            </Link>
          </li>
        ))}
      </ul>
      {next !== null && <p className="quiet">and more</p>}
    </section>
  );
}
