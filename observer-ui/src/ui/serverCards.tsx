import type { ServerCard } from "../api/objects";
import { Link } from "../router/link";
import { serverPath } from "../router/routes";
import { Avatar } from "./avatar";
import { counted } from "./words";

/** One public server, as Home and Explore show it. */
export function ServerCardItem({ server }: { readonly server: ServerCard }) {
  const { id, name, description, member_count, tags } = server;
  return (
    <li className="card">
      <Avatar name={name} />
      <div>
        <h3>
          <Link to={serverPath(id)}>
            <bdi>{name}</bdi>
          </Link>
        </h3>
        {description !== null && <p dir="auto">{description}</p>}
        <p className="quiet">
          {counted(member_count, "member", "members")}
          {tags.map((tag) => (
            <bdi key={tag} className="tag">
              {tag}
            </bdi>
          ))}
        </p>
      </div>
    </li>
  );
}
