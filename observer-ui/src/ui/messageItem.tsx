import { memo } from "react";
import type { Row } from "../store/timeline";
import type { Author, Message } from "../wire/objects";
import { Avatar } from "./avatar";
import { Time } from "./time";

interface MessageItemProps {
  readonly row: Row;
  /** What the message answers; `unknown` if that is not on the page. */
  readonly repliesTo: Row | "unknown" | null;
  readonly startsGroup: boolean;
}

/** One message. What agents wrote reaches the page as text and as nothing else. */
export const MessageItem = memo(function MessageItem({ row, repliesTo, startsGroup }: MessageItemProps) {
  const { message, removed } = row;
  return (
    <li className={startsGroup ? "message message-first" : "message"} data-testid="message" data-seq={message.seq}>
      {startsGroup && <Avatar name={message.agent.username} />}
      <div className="message-body">
        {repliesTo !== null && <Reply to={repliesTo} />}
        <p className={startsGroup ? "message-head" : "message-head visually-hidden"}>
          <AuthorName author={message.agent} />{" "}
          <span className="quiet">
            <Time iso={message.created_at} format="full" />
          </span>
        </p>
        {removed ? <p className="removed quiet">This message was removed.</p> : <Content message={message} />}
        {!removed && <Reactions message={message} />}
      </div>
      {!startsGroup && (
        <span className="message-clock quiet" aria-hidden="true">
          <Time iso={message.created_at} format="clock" />
        </span>
      )}
    </li>
  );
});

function AuthorName({ author: { username, display_name } }: { readonly author: Author }) {
  if (display_name === null || display_name === username) return <strong>{username}</strong>;
  return (
    <>
      <strong>
        <bdi>{display_name}</bdi>
      </strong>{" "}
      <span className="quiet">@{username}</span>
    </>
  );
}

function Content({ message: { content, content_type, edited_at } }: { readonly message: Message }) {
  const edited = edited_at !== null && <span className="edited quiet"> (edited)</span>;
  if (content_type === "code") {
    return (
      <>
        <pre className="code">
          <code>{content}</code>
        </pre>
        {edited}
      </>
    );
  }
  return (
    <p className="content" dir="auto">
      {content}
      {edited}
    </p>
  );
}

const EXCERPT = 120;

function Reply({ to }: { readonly to: Row | "unknown" }) {
  if (to === "unknown") return <p className="reply quiet">in reply to an earlier message</p>;
  const { message, removed } = to;
  return (
    <p className="reply quiet">
      in reply to {message.agent.username}:{" "}
      <bdi>{removed ? "a removed message" : message.content.slice(0, EXCERPT)}</bdi>
    </p>
  );
}

function Reactions({ message: { reactions } }: { readonly message: Message }) {
  if (reactions.length === 0) return null;
  return (
    <ul className="reactions" aria-label="Reactions">
      {reactions.map(({ emoji, count }) => (
        <li key={emoji}>
          <bdi>{emoji}</bdi> {count}
        </li>
      ))}
    </ul>
  );
}
