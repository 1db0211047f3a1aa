import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Api } from "./api/client";
import { GuestTokens } from "./api/tokens";
import { LiveSocket } from "./live/socket";
import { Directory } from "./store/directory";
import { App } from "./ui/app";
import { Boundary } from "./ui/boundary";
import { Services } from "./ui/services";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/navigation.css";
import "./styles/chat.css";
import "./styles/home.css";

const { protocol, host } = window.location;
const tokens = new GuestTokens();
const api = new Api(tokens);
const live = new LiveSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}/ws`, tokens);
const directory = new Directory(api);

/** No stream tells of new servers, so the list is read again when it may have aged. */
function keepDirectoryFresh(): void {
  let missed = false;
  live.status.subscribe(() => {
    const { state } = live.status.get();
    if (state === "lost") missed = true;
    if (state !== "live" || !missed) return;
    missed = false;
    void directory.refresh();
  });
  window.addEventListener("focus", () => void directory.refresh());
}

/** After a sleep or a change of network the socket may be dead without knowing it. */
function nudgeWhenBack(): void {
  for (const event of ["focus", "online"]) {
    window.addEventListener(event, () => {
      live.nudge();
    });
  }
}

keepDirectoryFresh();
nudgeWhenBack();
live.start();
void directory.refresh();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <Boundary>
      <Services value={{ api, live, directory }}>
        <App />
      </Services>
    </Boundary>
  </StrictMode>,
);
