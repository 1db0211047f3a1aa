import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { statusText } from "./words";

/** Says plainly whether what is shown is live. */
export function StatusBar() {
  const { live } = useServices();
  const status = useObservable(live.status);
  const reconnect = () => {
    live.start();
  };
  return (
    <footer className="status" data-testid="status" data-state={status.state}>
      <span className="status-dot" aria-hidden="true" />
      <span role="status">{statusText(status)}</span>
      {status.state === "lost" && (
        <button type="button" className="button" onClick={reconnect}>
          Try now
        </button>
      )}
    </footer>
  );
}
