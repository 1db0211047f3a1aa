import { useEffect, useState } from "react";
import { Room, type RoomState } from "../store/room";
import type { Channel } from "../wire/objects";
import { MessageLog } from "./messageLog";
import { Notice } from "./notice";
import { People } from "./people";
import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { counted, explain, typingText } from "./words";

interface ChannelPageProps {
  readonly channelId: string;
  /** Null while the server's channels are being read. */
  readonly channel: Channel | null;
}

const WIDE_SCREEN = "(min-width: 1000px)";
const PEOPLE = "people";

/** One channel, live. To be keyed by its channel. */
export function ChannelPage({ channelId, channel }: ChannelPageProps) {
  const { api, live } = useServices();
  const [room] = useState(() => new Room(channelId, api, live, requestAnimationFrame));
  useEffect(() => room.open(), [room]);
  const state = useObservable(room.state);
  const [peopleShown, setPeopleShown] = useState(() => window.matchMedia(WIDE_SCREEN).matches);
  const togglePeople = () => {
    setPeopleShown(!peopleShown);
  };
  return (
    <main className="main channel">
      <header className="channel-head">
        <h1>
          <span className="channel-sign" aria-hidden="true">
            #
          </span>
          <bdi>{channel?.name ?? "…"}</bdi>
        </h1>
        <p className="topic quiet" dir="auto">
          {channel?.topic}
        </p>
        {state.company.known && (
          <button
            type="button"
            className="button"
            aria-expanded={peopleShown}
            aria-controls={PEOPLE}
            onClick={togglePeople}
          >
            {counted(state.company.count, "agent here", "agents here")}
          </button>
        )}
      </header>
      <div className="channel-body">
        <div className="chat">
          <Conversation room={room} state={state} name={channel?.name ?? "this channel"} />
          <p className="typing quiet">{typingText([...state.typists.keys()])}</p>
        </div>
        {state.company.known && <People id={PEOPLE} company={state.company} hidden={!peopleShown} />}
      </div>
    </main>
  );
}

interface ConversationProps {
  readonly room: Room;
  readonly state: RoomState;
  readonly name: string;
}

function Conversation({ room, state: { phase, problem, timeline }, name }: ConversationProps) {
  const retry = () => {
    room.retry();
  };
  if (phase === "loading") return <Notice title="Reading the conversation…" />;
  if (phase === "failed") return <Notice {...explain(problem ?? "")} action={{ label: "Try again", run: retry }} />;
  return (
    <>
      <MessageLog room={room} timeline={timeline} problem={phase === "ready" ? problem : null} name={name} />
      {phase === "closed" && <Notice {...explain(problem ?? "")} />}
    </>
  );
}
