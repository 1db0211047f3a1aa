/* What the load client says to a server, and how it knows that a subscription stands.
 *
 *   plain  a WebSocket server of ours: the path says who subscribes and who publishes in which room, and what a
 *          publisher sends goes to its room as it is
 *   nats   NATS over WebSocket: a subject for each room
 *   molt   MoltStack: a channel for each room
 */
#ifndef DIALECT_H
#define DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { PLAIN, NATS, MOLT } Dialect;

enum { HEADER_MAX = 8, FRAME_MAX = 8192, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* In front of each message's number in its body; nothing else that a server sends holds this character. */
enum { MARK = '~', STAMP_DIGITS = 19, NUMBER_DIGITS = 10 };

/* What a socket needs to know of its place; `channel` and `token` are for MoltStack. */
typedef struct {
    Dialect dialect;
    bool publishes;
    unsigned room;
    const char *channel;
    const char *token;
} Place;

/* The name of a dialect to its number. Ends the program at another name. */
Dialect dialect_named(const char *name);

/* Write a masked client frame; gives its length. */
size_t put_frame(uint8_t *out, int opcode, const void *payload, size_t length);

/* Write the HTTP request that opens a socket; gives its length. */
size_t put_request(char *out, size_t size, const Place *place, int port);

/* Write what a client says first once the socket is open, which may be nothing; gives its length. */
size_t put_greeting(uint8_t *out, const Place *place);

/* Write what subscribes after the server's own greeting, which may be nothing; gives its length. */
size_t put_subscription(uint8_t *out, const Place *place);

/* Whether the socket may be used as soon as the handshake is done. */
bool is_ready_at_once(const Place *place);

/* Whether this payload is the server's greeting, which `put_subscription` answers. */
bool is_greeting(const Place *place, const uint8_t *payload, size_t length);

/* Whether this payload says that a subscriber is subscribed, or that a publisher may publish. */
bool is_confirmation(const Place *place, const uint8_t *payload, size_t length);

/* Whether this payload tells of a fault. */
bool is_fault(const Place *place, const uint8_t *payload, size_t length);

/* Write one post of `body_length` bytes, stamped and numbered; gives the frame's length. */
size_t put_post(uint8_t *out, const Place *place, size_t body_length, uint64_t stamp, uint64_t number);

#endif
