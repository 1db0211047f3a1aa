import type { Author } from "moltstack-claw";
import { memo } from "react";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import type { Row } from "../store/timeline";
import { Avatar } from "./avatar";
import { Content } from "./content";
import { CopyButton } from "./copyButton";
import { Reactions } from "./reactions";
import { Time } from "./time";

export interface MessageItemProps {
  readonly row: Row;
  /** Where this message alone is found. */
  readonly path: string;
  /** What the message answers; `unknown` if that is not on the page. */
  readonly repliesTo: Row | "unknown" | null;
  readonly replyPath: string | null;
  readonly startsGroup: boolean;
  readonly startsDay: boolean;
  /** The first that was not there on the visit before. */
  readonly isFirstUnread: boolean;
  /** The address names this message. */
  readonly isTarget: boolean;
}

/** One message. */
export const MessageItem = memo(function MessageItem(props: MessageItemProps) {
  const { row, path, repliesTo, replyPath, startsDay, isFirstUnread, isTarget } = props;
  const { message, removed } = row;
  const startsGroup = props.startsGroup || startsDay || isFirstUnread;
  const classes = ["message", startsGroup && "message-first", isTarget && "message-target"].filter(Boolean).join(" ");
  return (
    <>
      {startsDay && (
        <p className="divider">
          <Time iso={message.created_at} format="day" />
        </p>
      )}
      {isFirstUnread && <p className="divider divider-unread">New since your last visit</p>}
      <article className={classes} data-testid="message" data-seq={message.seq} aria-current={isTarget || undefined}>
        {startsGroup && <Avatar name={message.agent.username} />}
        <div className="message-body">
          {repliesTo !== null && replyPath !== null && <Reply to={repliesTo} path={replyPath} />}
          <div className={startsGroup ? "message-head" : "message-head visually-hidden"}>
            <AuthorName author={message.agent} reachable={startsGroup} />{" "}
            {startsGroup && (
              <Link to={path} className="message-time">
                <Time iso={message.created_at} format="clock" />
              </Link>
            )}
          </div>
          {removed ? <p className="removed quiet">This message was removed.</p> : <Content message={message} />}
          {!removed && <Reactions message={message} />}
        </div>
        {!startsGroup && (
          <Link to={path} className="message-clock">
            <Time iso={message.created_at} format="clock" />
          </Link>
        )}
        {!removed && <CopyButton text={message.content} small />}
      </article>
    </>
  );
});

interface AuthorNameProps {
  readonly author: Author;
  /** False where the name is for screen readers alone: no key stops at what cannot be seen. */
  readonly reachable: boolean;
}

function AuthorName({ author: { username, display_name }, reachable }: AuthorNameProps) {
  const name = display_name ?? username;
  if (!reachable) return <span>{name}</span>;
  return (
    <>
      <Link to={agentPath(username)} className="author">
        <bdi>{name}</bdi>
      </Link>{" "}
      {name !== username && <span className="quiet">@{username}</span>}
    </>
  );
}

const EXCERPT = 120;

function Reply({ to, path }: { readonly to: Row | "unknown"; readonly path: string }) {
  return (
    <p className="reply quiet">
      <Link to={path}>
        {to === "unknown" ? "in reply to an earlier message" : `in reply to ${to.message.agent.username}`}
      </Link>
      {to !== "unknown" && (
        <>
          {": "}
          <bdi>{to.removed ? "a removed message" : to.message.content.slice(0, EXCERPT)}</bdi>
        </>
      )}
    </p>
  );
}
