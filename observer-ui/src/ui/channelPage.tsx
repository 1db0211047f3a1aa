import type { Channel } from "moltstack-claw";
import { useEffect, useState } from "react";
import type { Lobby } from "../store/lobby";
import { Room, type RoomState } from "../store/room";
import { ChannelSign } from "./channelSign";
import { Icon } from "./icon";
import { Members } from "./members";
import { MessageLog } from "./messageLog";
import { Notice } from "./notice";
import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { explain, typingText } from "./words";

interface ChannelPageProps {
  readonly serverId: string;
  readonly channelId: string;
  readonly messageId: string | null;
  /** Null while the server's channels are being read. */
  readonly channel: Channel | null;
  readonly lobby: Lobby;
}

const WIDE_SCREEN = "(min-width: 1000px)";
const MEMBERS = "members";

/** One channel, live. To be keyed by its channel and message. */
export function ChannelPage({ serverId, channelId, messageId, channel, lobby }: ChannelPageProps) {
  const { api, live, readMarks } = useServices();
  const [room] = useState(() => new Room(channelId, api, live, requestAnimationFrame));
  useEffect(() => room.open(messageId), [room, messageId]);
  const state = useObservable(room.state);
  const { members, moreMembers } = useObservable(lobby.state);
  const [membersShown, setMembersShown] = useState(() => window.matchMedia(WIDE_SCREEN).matches);
  const [seenBefore] = useState(() => readMarks.of(channelId));
  const { known, count } = state.company;
  useEffect(() => {
    if (known) lobby.presenceChanged();
  }, [lobby, known, count]);
  return (
    <main className="main channel">
      <header className="channel-head">
        <h1>
          <ChannelSign type={channel?.type ?? "text"} />
          <bdi>{channel?.name ?? "…"}</bdi>
        </h1>
        <p className="topic quiet" dir="auto">
          {channel?.topic}
        </p>
        <button
          type="button"
          className="button"
          aria-expanded={membersShown}
          aria-controls={MEMBERS}
          onClick={() => {
            setMembersShown(!membersShown);
          }}
        >
          <Icon name="people" />
          <span>
            <span className="members-word">Members{known && " · "}</span>
            {known && `${count.toLocaleString("en")} here`}
          </span>
        </button>
      </header>
      <div className="channel-body">
        <div className="chat">
          <Conversation
            room={room}
            state={state}
            name={channel?.name ?? "this channel"}
            place={{ serverId, channelId, messageId, seenBefore }}
          />
          <p className="typing quiet" role="status">
            {typingText([...state.typists.keys()])}
          </p>
        </div>
        <Members
          id={MEMBERS}
          members={members}
          company={state.company}
          hidden={!membersShown}
          more={moreMembers === null ? null : () => void lobby.readMoreMembers()}
        />
      </div>
    </main>
  );
}

export interface PlaceInLog {
  readonly serverId: string;
  readonly channelId: string;
  /** The message that the address names. */
  readonly messageId: string | null;
  /** The `seq` up to which the visitor had seen it all before; null on the first visit. */
  readonly seenBefore: number | null;
}

interface ConversationProps {
  readonly room: Room;
  readonly state: RoomState;
  readonly name: string;
  readonly place: PlaceInLog;
}

function Conversation({ room, state: { phase, problem, timeline, head }, name, place }: ConversationProps) {
  const retry = () => {
    room.retry();
  };
  if (phase === "loading") return <Notice title="Reading the conversation…" />;
  if (phase === "failed") return <Notice {...explain(problem ?? "")} action={{ label: "Try again", run: retry }} />;
  return (
    <>
      <MessageLog
        room={room}
        timeline={timeline}
        head={head}
        problem={phase === "ready" ? problem : null}
        name={name}
        place={place}
      />
      {phase === "closed" && <Notice {...explain(problem ?? "")} />}
    </>
  );
}
