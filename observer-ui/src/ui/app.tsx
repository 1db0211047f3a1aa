import { useEffect, useRef } from "react";
import { currentPath } from "../router/navigation";
import { parsePath, type Route } from "../router/routes";
import { Home } from "./home";
import { Notice } from "./notice";
import { ServerNav } from "./serverNav";
import { ServerPage } from "./serverPage";
import { StatusBar } from "./statusBar";
import { useObservable } from "./useObservable";

export function App() {
  const path = useObservable(currentPath);
  const route = parsePath(path);
  const main = useFocusOnMove(path);
  return (
    <div className="app">
      <a className="skip" href="#main">
        Skip to the main content
      </a>
      <ServerNav currentId={"serverId" in route ? route.serverId : null} />
      <div className="place" id="main" tabIndex={-1} ref={main}>
        <Place route={route} />
      </div>
      <StatusBar />
    </div>
  );
}

function Place({ route }: { readonly route: Route }) {
  switch (route.name) {
    case "home":
      return <Home />;
    case "server":
      return <ServerPage key={route.serverId} serverId={route.serverId} channelId={null} />;
    case "channel":
      return <ServerPage key={route.serverId} serverId={route.serverId} channelId={route.channelId} />;
    case "unknown":
      return (
        <main className="main">
          <h1 className="visually-hidden">Unknown page</h1>
          <Notice title="There is no such page." advice="Choose a server, or go home." />
        </main>
      );
  }
}

/** A followed link moves the keyboard and the screen reader to the new content, as loading a page would. */
function useFocusOnMove(path: string) {
  const place = useRef<HTMLDivElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    place.current?.focus({ preventScroll: true });
  }, [path]);
  return place;
}
