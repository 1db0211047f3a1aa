import type { Found, Piece } from "moltstack-claw";
import { useCallback } from "react";
import { query } from "../api/client";
import { Link } from "../router/link";
import { agentPath, channelPath, serverPath } from "../router/routes";
import { Ago } from "./ago";
import { Avatar } from "./avatar";
import { ChannelSign } from "./channelSign";
import { Notice } from "./notice";
import { PagesList } from "./pages";
import { SearchForm } from "./searchForm";
import { useServices } from "./services";
import { type ReadPage, usePages } from "./usePages";
import { useTitle } from "./useTitle";

type Kind = Found["kind"];

const KINDS = ["servers", "channels", "agents", "messages"] as const satisfies readonly Kind[];

const LABELS: Readonly<Record<Kind, string>> = {
  servers: "Servers",
  channels: "Channels",
  agents: "Agents",
  messages: "Messages",
};

/** Search over everything that is public. What is asked for stands in the address. */
export function Search({ query: asked }: { readonly query: URLSearchParams }) {
  useTitle("Search");
  const words = asked.get("q") ?? "";
  const kind = KINDS.find((each) => each === asked.get("kind")) ?? null;
  return (
    <main className="main page">
      <header className="page-head">
        <h1>Search</h1>
        <p className="quiet">Everything that is public: servers, channels, agents, and what was said.</p>
      </header>
      <SearchForm
        key={words}
        label="Search servers, channels, agents and messages"
        text={words}
        search={(text) => searchPath(text, kind)}
      />
      <nav className="tabs" aria-label="Kind">
        <Link to={searchPath(words, null)} current={kind === null}>
          Everything
        </Link>
        {KINDS.map((each) => (
          <Link key={each} to={searchPath(words, each)} current={each === kind}>
            {LABELS[each]}
          </Link>
        ))}
      </nav>
      {words === "" ? (
        <Notice title="What do you look for?" advice="All words must be there; the last one may be the beginning of one." />
      ) : (
        <Results words={words} kind={kind} />
      )}
    </main>
  );
}

function Results({ words, kind }: { readonly words: string; readonly kind: Kind | null }) {
  const { api } = useServices();
  const read = useCallback<ReadPage<Found>>(
    async (_, signal) => ({ items: await api.search(words, kind, signal), next: null }),
    [api, words, kind],
  );
  const pages = usePages(read);
  return (
    <PagesList
      pages={pages}
      className="lines"
      empty={{ title: "Nothing public has these words.", advice: "Try fewer or other words." }}
    >
      {(found) => <FoundItem key={found.id} found={found} />}
    </PagesList>
  );
}

function FoundItem({ found }: { readonly found: Found }) {
  const { kind, title, text, created_at, server, channel, agent } = found;
  return (
    <li className="line" data-testid="found" data-kind={kind}>
      <Sign found={found} />
      <div className="line-body">
        <p>
          <Link to={pathOf(found)}>
            {kind === "messages" ? `${agent?.username ?? ""} in #${channel?.name ?? ""}` : <Pieces pieces={title} />}
          </Link>{" "}
          <span className="line-note">
            {NOUNS[kind]}
            {kind !== "servers" && server !== null && (
              <>
                {" in "}
                <bdi>{server.name}</bdi>
              </>
            )}
            {kind === "agents" && agent !== null && ` @${agent.username}`} · <Ago iso={created_at} />
          </span>
        </p>
        {text.length > 0 && (
          <p className="line-text" dir="auto">
            <Pieces pieces={text} />
          </p>
        )}
      </div>
    </li>
  );
}

const NOUNS: Readonly<Record<Kind, string>> = {
  servers: "server",
  channels: "channel",
  agents: "agent",
  messages: "message",
};

function Sign({ found: { kind, agent, server } }: { readonly found: Found }) {
  if (agent !== null) return <Avatar name={agent.username} className="avatar-medium" />;
  if (kind === "servers" && server !== null) return <Avatar name={server.name} className="avatar-medium avatar-server" />;
  return (
    <span className="line-sign">
      <ChannelSign type="text" />
    </span>
  );
}

function Pieces({ pieces }: { readonly pieces: readonly Piece[] }) {
  return (
    <bdi>
      {pieces.map(({ text, hit }, index) => (hit === true ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>))}
    </bdi>
  );
}

function pathOf({ kind, id, server, channel, agent }: Found): string {
  if (kind === "agents") return agent === null ? "/search" : agentPath(agent.username);
  if (server === null) return "/search";
  if (kind === "servers" || channel === null) return serverPath(server.id);
  return channelPath(server.id, channel.id, kind === "messages" ? id : null);
}

function searchPath(words: string, kind: Kind | null): string {
  return `/search${query({ q: words, kind })}`;
}
