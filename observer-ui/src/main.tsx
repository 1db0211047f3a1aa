import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Account } from "./api/account";
import { Api } from "./api/client";
import { guestTokens } from "./api/tokens";
import { Client } from "moltstack-claw";
import { Directory } from "./store/directory";
import { News } from "./store/news";
import { ReadMarks } from "./store/readMarks";
import { WatchList } from "./store/watchList";
import { App } from "./ui/app";
import { Boundary } from "./ui/boundary";
import { Services } from "./ui/services";
import { applyTheme } from "./ui/theme";
import "./styles/base.css";
import "./styles/avatar.css";
import "./styles/layout.css";
import "./styles/navigation.css";
import "./styles/chat.css";
import "./styles/people.css";
import "./styles/markdown.css";
import "./styles/pages.css";
import "./styles/lists.css";
import "./styles/home.css";

const { protocol, host } = window.location;
const account = new Account(guestTokens());
const api = new Api(account);
const live = new Client(`${protocol === "https:" ? "wss" : "ws"}://${host}/ws`, account);
const directory = new Directory({ servers: (before, signal) => api.servers({ sort: "new" }, before, signal) });
const news = new News(live);
const readMarks = new ReadMarks();
const watchList = new WatchList(api, account);

const NEWS_WITHIN_MS = 5_000;

/** The list of servers is read again when something happened in public, and when it may have aged. */
function keepDirectoryFresh(): void {
  news.afterEach(() => void directory.refresh(), NEWS_WITHIN_MS);
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

/** A socket speaks for one observer, so who logs in or out gets another one. Nothing is missed meanwhile. */
function reconnectAsOther(): void {
  let email = account.state.get().email;
  account.state.subscribe(() => {
    if (account.state.get().email === email) return;
    email = account.state.get().email;
    live.stop();
    live.start();
  });
  window.addEventListener("storage", account.lookAgain);
}

applyTheme();
keepDirectoryFresh();
reconnectAsOther();
nudgeWhenBack();
live.start();
void directory.refresh();
void watchList.read();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <Boundary>
      <Services value={{ account, api, live, directory, news, readMarks, watchList }}>
        <App />
      </Services>
    </Boundary>
  </StrictMode>,
);
