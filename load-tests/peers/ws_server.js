// Node's `ws` as a room server: node ws_server.js PORT. `/sub?room=N` follows a room, `/pub?room=N` posts to it.
//
// The fast way to write to many: one frame is made for all, and goes to each socket past `send`, which would make it
// anew each time.
"use strict";

const { Sender, WebSocketServer } = require("ws");

const FRAME = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true };

const rooms = new Map();

function roomOf(number) {
  if (!rooms.has(number)) rooms.set(number, new Set());
  return rooms.get(number);
}

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
});

server.on("connection", (socket, request) => {
  const [, kind, number] = /^\/(sub|pub)\?room=(\d+)$/.exec(request.url);
  const room = roomOf(number);
  if (kind === "sub") {
    room.add(socket);
    socket.on("close", () => room.delete(socket));
  } else {
    socket.on("message", (data) => {
      const frame = Buffer.concat(Sender.frame(data, FRAME));
      for (const member of room) member._socket.write(frame);
    });
  }
});
