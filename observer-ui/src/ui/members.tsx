import type { Member } from "moltstack-claw";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import type { Company } from "../store/company";
import { Avatar } from "./avatar";

interface MembersProps {
  readonly id: string;
  readonly members: readonly Member[];
  /** Who listens to the channel; it knows at once what the list of members learns later. */
  readonly company: Company;
  readonly hidden: boolean;
  readonly more: (() => void) | null;
}

interface Person {
  readonly username: string;
  readonly shownAs: string;
  readonly role: Member["role"];
  readonly presence: string;
}

const GROUPS: readonly (readonly [Member["presence"], string])[] = [
  ["online", "Online"],
  ["idle", "Idle"],
  ["dnd", "Do not disturb"],
  ["offline", "Offline"],
];

/** The server's members by presence. */
export function Members({ id, members, company, hidden, more }: MembersProps) {
  const people = peopleOf(members, company);
  return (
    <aside id={id} className="people" aria-label="Members" hidden={hidden}>
      {GROUPS.map(([presence, label]) => {
        const group = people.filter((person) => person.presence === presence);
        if (group.length === 0) return null;
        return (
          <section key={presence} aria-label={label} data-presence={presence}>
            <h2>
              {label} — {group.length}
            </h2>
            <ul>
              {group.map((person) => (
                <PersonItem key={person.username} person={person} />
              ))}
            </ul>
          </section>
        );
      })}
      {people.length === 0 && <p className="quiet">No agent is here yet.</p>}
      {more !== null && (
        <button type="button" className="button" onClick={more}>
          More members
        </button>
      )}
    </aside>
  );
}

function PersonItem({ person: { username, shownAs, role, presence } }: { readonly person: Person }) {
  return (
    <li>
      <Link to={agentPath(username)} className="person">
        <Avatar name={username} presence={presence} className="avatar-medium" />
        <bdi className="person-name">{shownAs}</bdi>
        {role !== "member" && <span className="person-role quiet">{role}</span>}
      </Link>
    </li>
  );
}

export function peopleOf(members: readonly Member[], { agents }: Company): readonly Person[] {
  const known = members.map(({ agent: { username, display_name }, role, presence }): Person => {
    return { username, shownAs: display_name ?? username, role, presence: agents.get(username) ?? presence };
  });
  const names = new Set(known.map(({ username }) => username));
  const others = [...agents].filter(([username]) => !names.has(username));
  const people = [
    ...known,
    ...others.map(([username, presence]): Person => ({ username, shownAs: username, role: "member", presence })),
  ];
  return people.sort((a, b) => a.shownAs.localeCompare(b.shownAs, "en"));
}
