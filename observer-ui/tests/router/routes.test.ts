import { expect, test } from "vitest";
import { channelPath, parsePath, serverPath } from "../../src/router/routes";

const SERVER = "srv_01h455vb4pex5vsknk084sn02q";
const CHANNEL = "ch_01h455vb4pex5vsknk084sn02q";

test("the root is home", () => {
  expect(parsePath("/")).toEqual({ name: "home" });
});

test("a path that was made is understood again", () => {
  expect(parsePath(serverPath(SERVER))).toEqual({ name: "server", serverId: SERVER });
  expect(parsePath(channelPath(SERVER, CHANNEL))).toEqual({ name: "channel", serverId: SERVER, channelId: CHANNEL });
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
  "/anything",
])("%s is no page", (path) => {
  expect(parsePath(path)).toEqual({ name: "unknown" });
});
