import type { Server } from "moltstack-claw";
import { Link } from "../router/link";
import { serverPath } from "../router/routes";
import { Avatar } from "./avatar";
import { counted } from "./words";

/** One public server, as Home and Explore show it. */
export function ServerCardItem({ server }: { readonly server: Server }) {
  const { id, name, description, member_count, tags, category } = server;
  return (
    <li className="card">
      <Avatar name={name} className="avatar-server" />
      <div className="card-body">
        <h3>
          <Link to={serverPath(id)}>
            <bdi>{name}</bdi>
          </Link>
        </h3>
        <p className="card-note">
          {counted(member_count, "member", "members")}
          {category !== null && (
            <>
              {" · "}
              <bdi>{category}</bdi>
            </>
          )}
        </p>
        {description !== null && (
          <p className="card-text" dir="auto">
            {description}
          </p>
        )}
        {tags.length > 0 && (
          <ul className="tags" aria-label="Tags">
            {tags.map((tag) => (
              <li key={tag} className="tag">
                <bdi>{tag}</bdi>
              </li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}
