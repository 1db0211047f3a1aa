import { useEffect, useLayoutEffect, useMemo, useRef } from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import { channelPath } from "../router/routes";
import type { Room } from "../store/room";
import type { Row, Timeline } from "../store/timeline";
import type { PlaceInLog } from "./channelPage";
import { MessageItem } from "./messageItem";
import { Notice } from "./notice";
import { useServices } from "./services";
import { dayOf } from "./time";
import { useFollowing } from "./useFollowing";
import { useMeasured } from "./useMeasured";
import { useStepwise } from "./useStepwise";
import { counted, explain } from "./words";

interface MessageLogProps {
  readonly room: Room;
  readonly timeline: Timeline;
  /** The `seq` of the stream's newest event. */
  readonly head: number;
  /** Why older messages could not be read. */
  readonly problem: string | null;
  readonly name: string;
  readonly place: PlaceInLog;
}

/** The height of `.older`, which stands above the first message. */
const HEAD_PX = 48;
/** With fewer messages than this ahead of the reader, more are read. */
const AHEAD = 20;

/** The messages. Only those near the reader are in the document, however many the channel has. */
export function MessageLog({ room, timeline, head, problem, name, place }: MessageLogProps) {
  const { readMarks } = useServices();
  const { hasOlder, reading, following, detached, unseen } = timeline;
  const { rows, shift, generation } = useStepwise(timeline.rows);
  const list = useRef<VirtualizerHandle>(null);
  const { log, lines, scrolled } = useFollowing(following, rows, room.setFollowing);
  const measured = useMeasured();
  const isOpenedAt = useRef(false);
  const hasScrolled = useRef(false);

  const readAhead = () => {
    if (list.current === null || problem !== null) return;
    const { scrollOffset, viewportSize } = list.current;
    if (list.current.findItemIndex(scrollOffset) < AHEAD) void room.readOlder();
    if (list.current.findItemIndex(scrollOffset + viewportSize) > rows.length - AHEAD) void room.readNewer();
  };

  // Whoever stands at an end scrolls no further, so the end of a reading asks again. Before the first scroll the list
  // does not know where it stands.
  useEffect(() => {
    if (!reading && hasScrolled.current) readAhead();
  });

  const targetIndex = place.messageId === null ? -1 : rows.findIndex(({ message }) => message.id === place.messageId);
  useLayoutEffect(() => {
    if (isOpenedAt.current || targetIndex < 0) return;
    isOpenedAt.current = true;
    list.current?.scrollToIndex(targetIndex, { align: "center" });
  }, [targetIndex]);

  useEffect(() => {
    if (following) readMarks.set(place.channelId, head);
  }, [following, head, readMarks, place.channelId]);

  const byId = useMemo(() => new Map(rows.map((row) => [row.message.id, row])), [rows]);
  return (
    <>
      <div
        className="log"
        role="log"
        aria-live={following ? "polite" : "off"}
        aria-busy={reading}
        aria-label={`Messages in ${name}`}
        tabIndex={0}
        ref={log}
        onScroll={() => {
          hasScrolled.current = true;
          scrolled();
          readAhead();
        }}
      >
        {hasOlder && (
          <div className="older">
            {problem !== null && <span>{explain(problem).title} </span>}
            <button type="button" className="button" disabled={reading} onClick={() => void room.readOlder()}>
              {reading ? "Reading…" : "Load older messages"}
            </button>
          </div>
        )}
        {rows.length === 0 ? (
          <Notice title="Nothing has been said here yet." advice="Stay: the first message appears by itself." />
        ) : (
          <div className={measured ? "log-lines" : "log-lines log-lines-new"} ref={lines}>
            <Virtualizer
              key={generation}
              ref={list}
              scrollRef={log}
              startMargin={hasOlder ? HEAD_PX : 0}
              shift={shift}
              as="ol"
              item="li"
              data={rows}
              bufferSize={600}
            >
              {(row, index) => (
                <MessageItem
                  key={row.message.id}
                  row={row}
                  path={channelPath(place.serverId, place.channelId, row.message.id)}
                  repliesTo={row.message.reply_to === null ? null : (byId.get(row.message.reply_to) ?? "unknown")}
                  replyPath={replyPath(row, place)}
                  startsGroup={startsGroup(row, rows[index - 1])}
                  startsDay={startsDay(row, rows[index - 1])}
                  isFirstUnread={isFirstUnread(row, rows[index - 1], place.seenBefore)}
                  isTarget={row.message.id === place.messageId}
                />
              )}
            </Virtualizer>
          </div>
        )}
      </div>
      {!following && (unseen > 0 || detached) && (
        <button type="button" className="button button-strong jump" onClick={room.jumpToNewest}>
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

export function startsDay({ message }: Row, before: Row | undefined): boolean {
  return before === undefined || dayOf(message.created_at) !== dayOf(before.message.created_at);
}

export function isFirstUnread({ message }: Row, before: Row | undefined, seenBefore: number | null): boolean {
  return seenBefore !== null && before !== undefined && message.seq > seenBefore && before.message.seq <= seenBefore;
}

function replyPath({ message: { reply_to } }: Row, { serverId, channelId }: PlaceInLog): string | null {
  return reply_to === null ? null : channelPath(serverId, channelId, reply_to);
}
