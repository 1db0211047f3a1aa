/* The limit: how fast a WebSocket server can be that does nothing but pass frames on to the members of a room.
 *
 *   limit PORT send       one send() for each message and member
 *   limit PORT coalesce   what a room is due after one pass of the event loop goes to each member in one send()
 *
 * `/sub?room=N` follows a room, what comes on `/pub?room=N` goes to it. There is nobody to log in, nothing is stored,
 * and it trusts its one client, load.c: frames are whole messages below 64 KB, and the handshake's key is always the
 * one of RFC 6455's example, whose answer is known.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum { MOST_SOCKETS = 32768, MOST_ROOMS = 4096, EVENTS = 1024, RECEIVE_BYTES = 1 << 18, DUE_BYTES = 1 << 20 };
enum { MASK_BYTES = 4, MOST_FRAME_BYTES = 1 << 16 };

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/* Bytes that wait: of a request or frame that is not whole, or for a peer that does not read. */
typedef struct {
    uint8_t *data;
    size_t length;
} Bytes;

typedef struct Room Room;

typedef struct {
    int fd;
    bool upgraded;
    Room *room;
    int place; /* among the room's members; -1 for a publisher */
    Bytes in, out;
} Client;

struct Room {
    Client **members;
    int count, capacity;
    Bytes due;
};

static Client *clients[MOST_SOCKETS];
static Room rooms[MOST_ROOMS];
static Room *dirty[MOST_ROOMS]; /* those with something due */
static int dirty_count;
static int epoll;
static bool coalesces;

static void append(Bytes *bytes, const void *data, size_t length)
{
    uint8_t *grown = realloc(bytes->data, bytes->length + length);
    if (!grown)
        die("memory");
    memcpy(grown + bytes->length, data, length);
    bytes->data = grown;
    bytes->length += length;
}

static void drop_front(Bytes *bytes, size_t length)
{
    bytes->length -= length;
    if (bytes->length > 0) {
        memmove(bytes->data, bytes->data + length, bytes->length);
    } else {
        free(bytes->data);
        bytes->data = NULL;
    }
}

static void watch(Client *client, bool for_writing)
{
    struct epoll_event event = {.events = EPOLLIN | (for_writing ? EPOLLOUT : 0), .data.fd = client->fd};
    epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

static void leave(Client *client)
{
    if (client->place >= 0) {
        Client *last = client->room->members[--client->room->count];
        client->room->members[client->place] = last;
        last->place = client->place;
    }
    clients[client->fd] = NULL;
    close(client->fd);
    free(client->in.data);
    free(client->out.data);
    free(client);
}

static void write_to(Client *client, const uint8_t *data, size_t length)
{
    ssize_t sent = 0;
    if (client->out.length == 0) {
        sent = send(client->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            sent = 0; /* It reads too slowly, or is gone, which the next recv() tells. */
        if ((size_t)sent == length)
            return;
        watch(client, true);
    }
    append(&client->out, data + sent, length - (size_t)sent);
}

static void write_rest(Client *client)
{
    ssize_t sent = send(client->fd, client->out.data, client->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0)
        return;
    drop_front(&client->out, (size_t)sent);
    if (client->out.length == 0)
        watch(client, false);
}

static void write_to_all(Room *room, const uint8_t *data, size_t length)
{
    for (int i = 0; i < room->count; i++)
        write_to(room->members[i], data, length);
}

static void write_due(void)
{
    for (int i = 0; i < dirty_count; i++) {
        write_to_all(dirty[i], dirty[i]->due.data, dirty[i]->due.length);
        dirty[i]->due.length = 0; /* Its memory is used again. */
    }
    dirty_count = 0;
}

/* Put a frame behind what the room is due. The buffer is made once: growing it would be no work of a limit's. */
static void make_due(Room *room, const uint8_t *frame, size_t length)
{
    if (!room->due.data && !(room->due.data = malloc(DUE_BYTES)))
        die("memory");
    if (room->due.length + length > DUE_BYTES)
        write_due();
    if (room->due.length == 0)
        dirty[dirty_count++] = room;
    memcpy(room->due.data + room->due.length, frame, length);
    room->due.length += length;
}

/* A message for a room: its frame is made anew, without a mask. */
static void publish(Room *room, const uint8_t *mask, const uint8_t *payload, size_t length)
{
    static uint8_t frame[MOST_FRAME_BYTES + 4];
    size_t header = 2;
    frame[0] = 0x81;
    if (length < 126) {
        frame[1] = (uint8_t)length;
    } else {
        header = 4;
        frame[1] = 126;
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
    }
    for (size_t i = 0; i < length; i++)
        frame[header + i] = payload[i] ^ mask[i % MASK_BYTES];
    if (coalesces)
        make_due(room, frame, header + length);
    else
        write_to_all(room, frame, header + length);
}

static void join(Room *room, Client *client)
{
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? room->capacity * 2 : 16;
        room->members = realloc(room->members, (size_t)room->capacity * sizeof *room->members);
        if (!room->members)
            die("memory");
    }
    client->place = room->count;
    room->members[room->count++] = client;
}

/* Each of these two takes what is whole from the front and gives its length: 0 for nothing yet, -1 for the end. */

static ssize_t take_request(Client *client, const uint8_t *data, size_t length)
{
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    char line[64] = "";
    unsigned number = 0;
    char kind = 0;
    if (!end)
        return 0;
    memcpy(line, data, length < sizeof line ? length : sizeof line - 1);
    if (sscanf(line, "GET /%cub?room=%u ", &kind, &number) != 2 || number >= MOST_ROOMS)
        return -1;
    client->upgraded = true;
    client->room = &rooms[number];
    if (kind == 's')
        join(client->room, client);
    write_to(client, (const uint8_t *)ANSWER, sizeof ANSWER - 1);
    return end + 4 - data;
}

static ssize_t take_frame(Client *client, const uint8_t *data, size_t length)
{
    size_t header = 2;
    if (length < header)
        return 0;
    size_t size = data[1] & 127;
    if (size == 126) {
        header = 4;
        if (length < header)
            return 0;
        size = (size_t)data[2] << 8 | data[3];
    }
    if (length < header + MASK_BYTES + size)
        return 0;
    if ((data[0] & 15) == 8)
        return -1;
    publish(client->room, data + header, data + header + MASK_BYTES, size);
    return (ssize_t)(header + MASK_BYTES + size);
}

static void read_from(Client *client)
{
    static uint8_t buffer[RECEIVE_BYTES];
    ssize_t received = recv(client->fd, buffer, RECEIVE_BYTES, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (received <= 0) {
        leave(client);
        return;
    }
    const uint8_t *data = buffer;
    size_t length = (size_t)received;
    bool kept = client->in.length > 0;
    if (kept) {
        append(&client->in, buffer, length);
        data = client->in.data;
        length = client->in.length;
    }
    size_t at = 0;
    for (ssize_t taken = 1; taken > 0 && at < length; at += (size_t)taken) {
        taken = client->upgraded ? take_frame(client, data + at, length - at) : take_request(client, data + at, length - at);
        if (taken < 0) {
            leave(client);
            return;
        }
    }
    if (kept)
        drop_front(&client->in, at);
    else if (at < length)
        append(&client->in, data + at, length - at);
}

static void accept_all(int listener)
{
    int on = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= MOST_SOCKETS)
            die("too many sockets");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Client *client = calloc(1, sizeof *client);
        if (!client)
            die("memory");
        client->fd = fd;
        client->place = -1;
        clients[fd] = client;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0)
        die("cannot listen on port %d", port);
    return listener;
}

int main(int count, char **arguments)
{
    static struct epoll_event events[EVENTS];
    if (count != 3)
        die("usage: limit PORT send|coalesce");
    coalesces = strcmp(arguments[2], "coalesce") == 0;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on(atoi(arguments[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            Client *client = clients[events[i].data.fd];
            if (events[i].data.fd == listener)
                accept_all(listener);
            else if (client && (events[i].events & EPOLLOUT) && client->out.length > 0)
                write_rest(client);
            client = clients[events[i].data.fd];
            if (client && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                read_from(client);
        }
        write_due();
    }
}
