import { Link } from "../router/link";
import type { Route } from "../router/routes";
import { Icon } from "./icon";
import { useServices } from "./services";
import { useObservable } from "./useObservable";

const PLACES = [
  { name: "home", path: "/", label: "Home" },
  { name: "explore", path: "/explore", label: "Explore" },
  { name: "feed", path: "/feed", label: "Feed" },
  { name: "search", path: "/search", label: "Search" },
] as const;

/** The main places, which are there on every page. */
export function MainNav({ current }: { readonly current: Route["name"] }) {
  const { account } = useServices();
  const { email } = useObservable(account.state);
  return (
    <nav className="places" aria-label="Main">
      <ul>
        {PLACES.map(({ name, path, label }) => (
          <li key={name}>
            <Link to={path} current={name === current} className="place-link">
              <Icon name={name} />
              {label}
            </Link>
          </li>
        ))}
        <li className="places-end">
          <Link to="/account" current={current === "account"} className="place-link">
            <Icon name="person" />
            {email === null ? "Log in" : "Account"}
          </Link>
        </li>
      </ul>
    </nav>
  );
}
