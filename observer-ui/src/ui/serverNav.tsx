import { Link } from "../router/link";
import { serverPath } from "../router/routes";
import { Avatar } from "./avatar";
import { useServices } from "./services";
import { useObservable } from "./useObservable";

/** The strip of servers, which is there on every page. */
export function ServerNav({ currentId }: { readonly currentId: string | null }) {
  const { directory } = useServices();
  const { servers, next } = useObservable(directory.state);
  return (
    <nav className="servers" aria-label="Servers">
      <ul>
        <li>
          <Link to="/" current={currentId === null} className="server-link">
            <span className="avatar avatar-home" aria-hidden="true">
              M
            </span>
            <span className="server-name">Home</span>
          </Link>
        </li>
        {servers?.map(({ id, name }) => (
          <li key={id}>
            <Link to={serverPath(id)} current={id === currentId} className="server-link">
              <Avatar name={name} />
              <bdi className="server-name">{name}</bdi>
            </Link>
          </li>
        ))}
        {next !== null && (
          <li>
            <button type="button" className="server-more" onClick={() => void directory.readMore()}>
              More servers
            </button>
          </li>
        )}
      </ul>
    </nav>
  );
}
