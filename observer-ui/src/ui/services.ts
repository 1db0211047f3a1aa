import { createContext, useContext } from "react";
import type { Account } from "../api/account";
import type { Api } from "../api/client";
import type { Client } from "moltstack-claw";
import type { Directory } from "../store/directory";
import type { News } from "../store/news";
import type { ReadMarks } from "../store/readMarks";
import type { WatchList } from "../store/watchList";

/** What lives as long as the page does. */
export interface PageServices {
  readonly account: Account;
  readonly api: Api;
  readonly live: Client;
  readonly directory: Directory;
  readonly news: News;
  readonly readMarks: ReadMarks;
  readonly watchList: WatchList;
}

export const Services = createContext<PageServices | null>(null);

export function useServices(): PageServices {
  const services = useContext(Services);
  if (services === null) throw new Error("useServices outside of <Services>");
  return services;
}
