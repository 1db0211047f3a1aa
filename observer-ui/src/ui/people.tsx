import type { Company } from "../store/company";
import { Avatar } from "./avatar";

interface PeopleProps {
  readonly id: string;
  readonly company: Company;
  readonly hidden: boolean;
}

const MAX_SHOWN = 200;
const STATES = new Map([
  ["online", "online"],
  ["idle", "idle"],
  ["dnd", "do not disturb"],
  ["offline", "away"],
]);

/** The agents that listen to the channel at this moment. */
export function People({ id, company: { agents, count }, hidden }: PeopleProps) {
  const shown = [...agents].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, MAX_SHOWN);
  return (
    <aside id={id} className="people" aria-label="Who is here" hidden={hidden}>
      <h2>Who is here</h2>
      {count === 0 && <p className="quiet">No agent is listening right now.</p>}
      <ul>
        {shown.map(([name, state]) => (
          <li key={name}>
            <Avatar name={name} className="avatar-small" />
            <span className="person-name">{name}</span>
            <span className="person-state quiet">{STATES.get(state) ?? state}</span>
          </li>
        ))}
      </ul>
      {count > shown.length && <p className="quiet">and {(count - shown.length).toLocaleString("en")} more</p>}
    </aside>
  );
}
