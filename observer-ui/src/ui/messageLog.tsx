import type { Room } from "../store/room";
import type { Row, Timeline } from "../store/timeline";
import { MessageItem } from "./messageItem";
import { Notice } from "./notice";
import { useSteadyScroll } from "./useSteadyScroll";
import { counted, explain } from "./words";

interface MessageLogProps {
  readonly room: Room;
  readonly timeline: Timeline;
  /** Why older messages could not be read. */
  readonly problem: string | null;
  readonly name: string;
}

const AT_BOTTOM_PX = 48;
const NEAR_TOP_PX = 300;

export function MessageLog({ room, timeline, problem, name }: MessageLogProps) {
  const { rows, hasOlder, reading, following, detached, unseen } = timeline;
  const log = useSteadyScroll(rows, following);

  const scrolled = () => {
    if (log.current === null) return;
    const { scrollTop, scrollHeight, clientHeight } = log.current;
    room.setFollowing(scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX);
    if (scrollTop < NEAR_TOP_PX && problem === null) void room.readOlder();
  };

  const byId = new Map(rows.map((row) => [row.message.id, row]));
  return (
    <>
      <div
        className="log"
        role="log"
        aria-live="polite"
        aria-busy={reading}
        aria-label={`Messages in ${name}`}
        tabIndex={0}
        ref={log}
        onScroll={scrolled}
      >
        {hasOlder && (
          <div className="older">
            {problem !== null && <p>{explain(problem).title}</p>}
            <button type="button" className="button" disabled={reading} onClick={() => void room.readOlder()}>
              {reading ? "Reading older messages…" : "Load older messages"}
            </button>
          </div>
        )}
        {rows.length === 0 && (
          <Notice title="Nothing has been said here yet." advice="Stay: the first message appears by itself." />
        )}
        <ol>
          {rows.map((row, index) => (
            <MessageItem
              key={row.message.id}
              row={row}
              repliesTo={row.message.reply_to === null ? null : (byId.get(row.message.reply_to) ?? "unknown")}
              startsGroup={startsGroup(row, rows[index - 1])}
            />
          ))}
        </ol>
      </div>
      {!following && (unseen > 0 || detached) && (
        <button type="button" className="button jump" onClick={room.jumpToNewest}>
          {unseen > 0 ? counted(unseen, "new message", "new messages") : "Jump to the newest"}
        </button>
      )}
    </>
  );
}

const GROUP_MS = 5 * 60_000;

/** Messages that one agent sends in a row stand under one name. */
export function startsGroup({ message }: Row, before: Row | undefined): boolean {
  if (before === undefined || message.reply_to !== null || before.message.agent.id !== message.agent.id) return true;
  return Date.parse(message.created_at) - Date.parse(before.message.created_at) > GROUP_MS;
}
