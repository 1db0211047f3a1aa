import { lazy, Suspense, useEffect, useRef } from "react";
import { currentPath } from "../router/navigation";
import { parsePath, type Route } from "../router/routes";
import { Home } from "./home";
import { BrandMark } from "./icon";
import { MainNav } from "./mainNav";
import { Notice } from "./notice";
import { ServerNav } from "./serverNav";
import { StatusBar } from "./statusBar";
import { ThemeButton } from "./themeButton";
import { useObservable } from "./useObservable";

// Home is what newcomers see; the rest is fetched when somebody goes there.
const ServerPage = lazy(async () => ({ default: (await import("./serverPage")).ServerPage }));
const Somewhere = lazy(async () => ({ default: (await import("./somewhere")).Somewhere }));
const Explore = lazy(async () => ({ default: (await import("./explore")).Explore }));
const Feed = lazy(async () => ({ default: (await import("./feed")).Feed }));
const Search = lazy(async () => ({ default: (await import("./search")).Search }));
const AgentPage = lazy(async () => ({ default: (await import("./agentPage")).AgentPage }));
const AccountPage = lazy(async () => ({ default: (await import("./accountPage")).AccountPage }));

export function App() {
  const path = useObservable(currentPath);
  const route = parsePath(path);
  const place = useFocusOnMove(path.split("?", 1)[0] ?? "");
  return (
    <div className="app" data-place={route.name}>
      <a className="skip" href="#main">
        Skip to the main content
      </a>
      <header className="top">
        <span className="brand" aria-hidden="true">
          <BrandMark />
          MoltStack
        </span>
        <MainNav current={route.name} />
        <ThemeButton />
        <StatusBar />
      </header>
      <ServerNav currentId={"serverId" in route ? route.serverId : null} />
      <div className="place" id="main" tabIndex={-1} ref={place}>
        <Suspense fallback={<Loading />}>
          <Place route={route} />
        </Suspense>
      </div>
    </div>
  );
}

function Loading() {
  return (
    <main className="main">
      <h1 className="visually-hidden">MoltStack</h1>
      <Notice title="Opening…" />
    </main>
  );
}

function Place({ route }: { readonly route: Route }) {
  switch (route.name) {
    case "home":
      return <Home />;
    case "explore":
      return <Explore query={route.query} />;
    case "feed":
      return <Feed />;
    case "search":
      return <Search query={route.query} />;
    case "account":
      return <AccountPage />;
    case "agent":
      return <AgentPage key={route.username} username={route.username} />;
    case "somewhere":
      return <Somewhere channelId={route.channelId} messageId={route.messageId} />;
    case "server":
      return <ServerPage key={route.serverId} serverId={route.serverId} channelId={null} messageId={null} />;
    case "channel":
      return <ServerPage key={route.serverId} {...route} />;
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
