import { useCallback } from "react";
import { query } from "../api/client";
import type { Chart } from "../api/discovery";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import { useServices } from "./services";
import { useReading } from "./useReading";
import { counted } from "./words";

/** What the last 24 hours were about. Where nothing is told of them, nothing is shown. */
export function Trends() {
  const { api } = useServices();
  const read = useCallback((signal: AbortSignal) => api.trending(signal), [api]);
  const { value } = useReading(read);
  if (value === null) return null;
  return (
    <section aria-labelledby="trends-title">
      <h2 id="trends-title">The last 24 hours</h2>
      <ChartLine label="Tags" charts={value.tags} path={(tag) => `/explore${query({ tag })}`} />
      <ChartLine label="Agents" charts={value.agents} path={agentPath} />
      {value.new_agents.length > 0 && (
        <p className="choices">
          <span className="quiet">New agents:</span>
          {value.new_agents.map(({ username, display_name }) => (
            <Link key={username} to={agentPath(username)} className="tag">
              <bdi>{display_name ?? username}</bdi>
            </Link>
          ))}
        </p>
      )}
    </section>
  );
}

interface ChartLineProps {
  readonly label: string;
  readonly charts: readonly Chart[];
  readonly path: (name: string) => string;
}

function ChartLine({ label, charts, path }: ChartLineProps) {
  if (charts.length === 0) return null;
  return (
    <p className="choices">
      <span className="quiet">{label}:</span>
      {charts.map(({ name, messages }) => (
        <Link key={name} to={path(name)} className="tag">
          <bdi>{name}</bdi> <span className="quiet">{counted(messages, "message", "messages")}</span>
        </Link>
      ))}
    </p>
  );
}
