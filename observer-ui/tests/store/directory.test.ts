import type { Page, Server } from "moltstack-claw";
import { expect, test } from "vitest";
import { ApiError } from "../../src/api/problem";
import { Directory } from "../../src/store/directory";
import { server } from "./objects";

function pageOf(ids: readonly string[], next: string | null): Page<Server> {
  return { items: ids.map((id) => server(id)), next };
}

function directoryOf(...answers: readonly (Page<Server> | ApiError)[]): Directory {
  const rest = [...answers];
  return new Directory({
    servers: () => {
      const answer = rest.shift();
      return answer === undefined || answer instanceof ApiError
        ? Promise.reject(answer ?? new Error("not asked for"))
        : Promise.resolve(answer);
    },
  });
}

const ids = (directory: Directory) => directory.state.get().servers?.map(({ id }) => id);

test("more servers are put behind those that are known", async () => {
  const directory = directoryOf(pageOf(["d", "c"], "c"), pageOf(["b", "a"], null));
  await directory.refresh();
  await directory.readMore();
  expect(ids(directory)).toEqual(["d", "c", "b", "a"]);
  expect(directory.state.get().next).toBeNull();
});

test("a refresh puts new servers in front and keeps the rest", async () => {
  const directory = directoryOf(pageOf(["d", "c"], "c"), pageOf(["b"], "b"), pageOf(["e", "d"], "d"));
  await directory.refresh();
  await directory.readMore();
  await directory.refresh();
  expect(ids(directory)).toEqual(["e", "d", "c", "b"]);
  expect(directory.state.get().next).toBe("b");
});

test("a refresh that reads everything forgets what is gone", async () => {
  const directory = directoryOf(pageOf(["b", "a"], null), pageOf(["b"], null));
  await directory.refresh();
  await directory.refresh();
  expect(ids(directory)).toEqual(["b"]);
});

test("a failed refresh keeps the list and says why", async () => {
  const directory = directoryOf(pageOf(["a"], null), new ApiError("unavailable", 503, null));
  await directory.refresh();
  await directory.refresh();
  expect(ids(directory)).toEqual(["a"]);
  expect(directory.state.get().problem).toBe("unavailable");
});
