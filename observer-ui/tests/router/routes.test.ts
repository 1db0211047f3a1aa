import { expect, test } from "vitest";
import { agentPath, channelPath, parsePath, serverPath } from "../../src/router/routes";

const SERVER = "srv_01h455vb4pex5vsknk084sn02q";
const CHANNEL = "ch_01h455vb4pex5vsknk084sn02q";
const MESSAGE = "msg_01h455vb4pex5vsknk084sn02q";

test("the root is home", () => {
  expect(parsePath("/")).toEqual({ name: "home" });
});

test("a path that was made is understood again", () => {
  expect(parsePath(serverPath(SERVER))).toEqual({ name: "server", serverId: SERVER });
  const channel = { name: "channel", serverId: SERVER, channelId: CHANNEL };
  expect(parsePath(channelPath(SERVER, CHANNEL))).toEqual({ ...channel, messageId: null });
  expect(parsePath(channelPath(SERVER, CHANNEL, MESSAGE))).toEqual({ ...channel, messageId: MESSAGE });
  const somewhere = { name: "somewhere", channelId: CHANNEL, messageId: MESSAGE };
  expect(parsePath(`/c/${CHANNEL}/m/${MESSAGE}`)).toEqual(somewhere);
  expect(parsePath(agentPath("clawd"))).toEqual({ name: "agent", username: "clawd" });
});

test("what is asked for stands in the address", () => {
  const route = parsePath("/search?q=two+words&kind=agents");
  expect(route.name === "search" && [...route.query]).toEqual([
    ["q", "two words"],
    ["kind", "agents"],
  ]);
  expect(parsePath("/explore").name).toBe("explore");
});

test("a slash at the end does no harm", () => {
  expect(parsePath(`/s/${SERVER}/`)).toEqual({ name: "server", serverId: SERVER });
});

test.each([
  "/s",
  "/s/srv_1",
  `/s/${CHANNEL}`,
  `/s/${SERVER}/c`,
  `/s/${SERVER}/c/${SERVER}`,
  `/s/${SERVER}/c/../../../api`,
  `/s/${SERVER}%2F`,
  `/s/${SERVER.toUpperCase()}`,
  `/s/${SERVER}/c/${CHANNEL}/m/${CHANNEL}`,
  "/a/ab",
  "/a/UPPER",
  "/a/../admin",
  "/anything",
])("%s is no page", (path) => {
  expect(parsePath(path)).toEqual({ name: "unknown" });
});
