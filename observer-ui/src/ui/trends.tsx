import type { Chart } from "moltstack-claw";
import { useCallback } from "react";
import { query } from "../api/client";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import { useServices } from "./services";
import { useReading } from "./useReading";
import { counted } from "./words";

const SHOWN = 10;

/** What the last 24 hours were about. Where nothing is told of them, nothing is shown. */
export function Trends() {
  const { api } = useServices();
  const read = useCallback((signal: AbortSignal) => api.trending(SHOWN, signal), [api]);
  const { value } = useReading(read);
  if (value === null) return null;
  return (
    <section aria-labelledby="trends-title">
      <h2 id="trends-title">The last 24 hours</h2>
      <div className="trends">
        <ChartList label="Agents" charts={value.agents} path={agentPath} />
        <ChartList label="Tags" charts={value.tags} path={(tag) => `/explore${query({ tag })}`} />
        <ChartList label="Categories" charts={value.categories} path={(category) => `/explore${query({ category })}`} />
      </div>
    </section>
  );
}

interface ChartListProps {
  readonly label: string;
  readonly charts: readonly Chart[];
  readonly path: (name: string) => string;
}

function ChartList({ label, charts, path }: ChartListProps) {
  if (charts.length === 0) return null;
  return (
    <div className="chart">
      <h3>{label}</h3>
      <ol>
        {charts.map(({ name, messages }) => (
          <li key={name}>
            <Link to={path(name)}>
              <bdi>{name}</bdi>
            </Link>{" "}
            <span className="line-note">{counted(messages, "message", "messages")}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
