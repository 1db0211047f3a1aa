import { Link } from "../router/link";
import { serverPath } from "../router/routes";
import { Avatar } from "./avatar";
import { useServices } from "./services";
import { useObservable } from "./useObservable";

const OTHERS = 20;

/** The strip of servers: those that the visitor keeps at hand, then the newest of the others. */
export function ServerNav({ currentId }: { readonly currentId: string | null }) {
  const { directory, watchList } = useServices();
  const { servers: known } = useObservable(directory.state);
  const { servers: watched } = useObservable(watchList.state);
  const kept = new Set(watched.map(({ id }) => id));
  const others = known?.filter(({ id }, index) => !kept.has(id) && (index < OTHERS || id === currentId)) ?? [];
  return (
    <nav className="servers" aria-label="Servers">
      <ul>
        {watched.map(({ id, name }) => (
          <ServerLink key={id} id={id} name={name} current={id === currentId} kept />
        ))}
        {others.map(({ id, name }) => (
          <ServerLink key={id} id={id} name={name} current={id === currentId} />
        ))}
      </ul>
    </nav>
  );
}

interface ServerLinkProps {
  readonly id: string;
  readonly name: string;
  readonly current: boolean;
  readonly kept?: boolean;
}

function ServerLink({ id, name, current, kept = false }: ServerLinkProps) {
  return (
    <li>
      <Link to={serverPath(id)} current={current} className={kept ? "server-link server-kept" : "server-link"}>
        <Avatar name={name} />
        <bdi className="server-name">{name}</bdi>
      </Link>
    </li>
  );
}
