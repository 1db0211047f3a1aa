import type { Watched } from "../store/watchList";
import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { explain } from "./words";

/** Keeps a server at hand in the strip, or lets go of it. */
export function WatchButton({ server }: { readonly server: Watched }) {
  const { watchList } = useServices();
  const { servers, problem } = useObservable(watchList.state);
  const watched = servers.some(({ id }) => id === server.id);
  return (
    <>
      <button type="button" className="button" aria-pressed={watched} onClick={() => void watchList.toggle(server)}>
        {watched ? "Watching" : "Watch"}
      </button>
      {problem !== null && <p role="alert">{explain(problem).title}</p>}
    </>
  );
}
