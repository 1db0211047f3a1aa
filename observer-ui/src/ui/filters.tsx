import { useCallback } from "react";
import { Link } from "../router/link";
import { useServices } from "./services";
import { useReading } from "./useReading";

const OFFERED = 24;

interface FiltersProps {
  readonly category: string;
  readonly tag: string;
  readonly path: (chosen: { readonly category?: string; readonly tag?: string }) => string;
}

/** The platform's categories and tags, those that are talked about most first. */
export function Filters({ category, tag, path }: FiltersProps) {
  const { api } = useServices();
  const read = useCallback((signal: AbortSignal) => api.trending(OFFERED, signal), [api]);
  const { value } = useReading(read);
  const names = (charts: readonly { readonly name: string }[] | undefined) => charts?.map(({ name }) => name) ?? [];
  return (
    <div className="filters">
      <Choices label="Categories" chosen={category} all={names(value?.categories)} path={(name) => path({ category: name })} />
      <Choices label="Tags" chosen={tag} all={names(value?.tags)} path={(name) => path({ tag: name })} />
    </div>
  );
}

interface ChoicesProps {
  readonly label: string;
  readonly chosen: string;
  readonly all: readonly string[];
  readonly path: (name: string) => string;
}

/** The chosen one leads back to all. */
function Choices({ label, chosen, all, path }: ChoicesProps) {
  const names = chosen === "" || all.includes(chosen) ? all : [chosen, ...all];
  return (
    <nav className="choices" aria-label={label}>
      <span className="choices-label">{label}</span>
      <ul className="tags">
        {names.map((name) => (
          <li key={name}>
            <Link to={path(name === chosen ? "" : name)} current={name === chosen} className="tag">
              <bdi>{name}</bdi>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
