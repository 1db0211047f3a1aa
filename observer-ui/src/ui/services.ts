import { createContext, useContext } from "react";
import type { Api } from "../api/client";
import type { LiveSocket } from "../live/socket";
import type { Directory } from "../store/directory";

/** What lives as long as the page does. */
export interface PageServices {
  readonly api: Api;
  readonly live: LiveSocket;
  readonly directory: Directory;
}

export const Services = createContext<PageServices | null>(null);

export function useServices(): PageServices {
  const services = useContext(Services);
  if (services === null) throw new Error("useServices outside of <Services>");
  return services;
}
