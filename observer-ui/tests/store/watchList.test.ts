import type { Server } from "moltstack-claw";
import { beforeEach, expect, test, vi } from "vitest";
import type { AccountState } from "../../src/api/account";
import { ApiError } from "../../src/api/problem";
import { Observable } from "../../src/store/observable";
import { WatchList } from "../../src/store/watchList";
import { memoryStorage } from "../support";
import { server } from "./objects";

const REEF = { id: "srv_1", name: "Reef" };
const GONE = { id: "srv_gone", name: "Gone" };

class Shelves {
  readonly kept = new Map<string, Server>();
  refusal: ApiError | null = null;

  watched(): Promise<readonly Server[]> {
    return Promise.resolve([...this.kept.values()]);
  }

  setWatched(id: string, watched: boolean): Promise<void> {
    if (this.refusal !== null) return Promise.reject(this.refusal);
    if (id === GONE.id) return Promise.reject(new ApiError("not_found", 404, null));
    if (watched) this.kept.set(id, server(id, REEF.name));
    else this.kept.delete(id);
    return Promise.resolve();
  }
}

let shelves: Shelves;
let account: { state: Observable<AccountState> };

beforeEach(() => {
  vi.stubGlobal("window", { localStorage: memoryStorage() });
  shelves = new Shelves();
  account = { state: new Observable<AccountState>({ email: null, ended: false }) };
});

test("a guest's list is kept in the browser", async () => {
  const list = new WatchList(shelves, account);
  await list.toggle(REEF);
  expect(new WatchList(shelves, account).state.get().servers).toEqual([REEF]);
  await list.toggle(REEF);
  expect(new WatchList(shelves, account).state.get().servers).toEqual([]);
  expect(shelves.kept.size).toBe(0);
});

test("what a guest kept goes to the account, but for what is gone", async () => {
  const list = new WatchList(shelves, account);
  await list.toggle(REEF);
  await list.toggle(GONE);
  account.state.set({ email: "a@example.org", ended: false });
  await list.read();
  expect(list.state.get()).toEqual({ servers: [REEF], problem: null });
  account.state.set({ email: null, ended: false });
  await list.read();
  expect(list.state.get().servers).toEqual([]);
});

test("a change that the server refuses is taken back and told", async () => {
  account.state.set({ email: "a@example.org", ended: false });
  const list = new WatchList(shelves, account);
  await list.read();
  shelves.refusal = new ApiError("unavailable", 503, null);
  await list.toggle(REEF);
  expect(list.state.get()).toEqual({ servers: [], problem: "unavailable" });
});
