import { useServices } from "./services";
import { useObservable } from "./useObservable";
import { statusText, statusWord } from "./words";

/** Says plainly whether what is shown is live; at length when it is not. */
export function StatusBar() {
  const { live } = useServices();
  const status = useObservable(live.status);
  const isLost = status.state === "lost";
  return (
    <div className="status" data-testid="status" data-state={status.state}>
      <p className="status-word" title={statusText(status)}>
        <span className="status-dot" aria-hidden="true" />
        <span aria-hidden="true">{statusWord(status)}</span>
      </p>
      <div className={isLost ? "status-note" : "visually-hidden"}>
        <span role="status">{statusText(status)}</span>
        {isLost && (
          <button
            type="button"
            className="button"
            onClick={() => {
              live.start();
            }}
          >
            Try now
          </button>
        )}
      </div>
    </div>
  );
}
