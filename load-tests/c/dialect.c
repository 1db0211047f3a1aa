#define _GNU_SOURCE
#include "dialect.h"

#include <stdio.h>
#include <string.h>

#include "measure.h"

/* The key of RFC 6455's own example: `limit.c` knows its answer by heart. */
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char FILLER[] = "the quick brown fox jumps over the lazy dog ";

Dialect dialect_named(const char *name)
{
    static const char *const names[] = {[PLAIN] = "plain", [NATS] = "nats", [MOLT] = "molt"};
    for (Dialect each = PLAIN; each <= MOLT; each++)
        if (strcmp(name, names[each]) == 0)
            return each;
    die("no dialect is called %s", name);
}

size_t put_frame(uint8_t *out, int opcode, const void *payload, size_t length)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    const uint8_t *bytes = payload;
    size_t at = 0;
    out[at++] = (uint8_t)(0x80 | opcode);
    if (length < 126) {
        out[at++] = (uint8_t)(0x80 | length);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(length >> 8);
        out[at++] = (uint8_t)length;
    }
    memcpy(out + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < length; i++)
        out[at + i] = bytes[i] ^ mask[i & 3];
    return at + length;
}

size_t put_request(char *out, size_t size, const Place *place, int port)
{
    char path[64] = "/";
    char credentials[4096] = "";
    if (place->dialect == PLAIN)
        snprintf(path, sizeof path, "/%s?room=%u", place->publishes ? "pub" : "sub", place->room);
    if (place->dialect == MOLT) {
        snprintf(path, sizeof path, "/ws");
        snprintf(credentials, sizeof credentials, "Authorization: Bearer %s\r\n", place->token);
    }
    int length = snprintf(out, size,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                          path, port, KEY, credentials);
    if (length < 0 || (size_t)length >= size)
        die("the request is too long");
    return (size_t)length;
}

size_t put_greeting(uint8_t *out, const Place *place)
{
    if (place->dialect != NATS)
        return 0;
    /* The PING's answer says that what stands before it was done. */
    char text[128] = "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":true}\r\n";
    if (!place->publishes)
        sprintf(text + strlen(text), "SUB room.%u 1\r\n", place->room);
    strcat(text, "PING\r\n");
    return put_frame(out, BINARY, text, strlen(text));
}

size_t put_subscription(uint8_t *out, const Place *place)
{
    if (place->dialect != MOLT || place->publishes)
        return 0;
    char text[128];
    int length = snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"channels\":[\"%s\"]}", place->channel);
    return put_frame(out, TEXT, text, (size_t)length);
}

static bool holds(const uint8_t *payload, size_t length, const char *text)
{
    return memmem(payload, length, text, strlen(text)) != NULL;
}

bool is_ready_at_once(const Place *place) { return place->dialect == PLAIN; }

bool is_greeting(const Place *place, const uint8_t *payload, size_t length)
{
    return place->dialect == MOLT && holds(payload, length, "\"op\":\"hello\"");
}

bool is_confirmation(const Place *place, const uint8_t *payload, size_t length)
{
    if (place->dialect == NATS)
        return holds(payload, length, "PONG\r\n");
    if (place->publishes)
        return is_greeting(place, payload, length);
    /* The inbox comes after the channel: with it, everything that was asked for is there. */
    return holds(payload, length, "\"op\":\"subscribed\"") && holds(payload, length, "\"inbox\":true");
}

bool is_fault(const Place *place, const uint8_t *payload, size_t length)
{
    return (place->dialect == MOLT && holds(payload, length, "\"op\":\"error\""))
        || (place->dialect == NATS && holds(payload, length, "-ERR"));
}

/* Begin a body with `text`, add mark, stamp and number, fill up to `length` and end it with `end`. */
static void put_body(char *out, size_t length, const char *text, const char *end, uint64_t stamp, uint64_t number)
{
    size_t at = (size_t)sprintf(out, "%s%c%0*llu%0*llu ", text, MARK, STAMP_DIGITS, (unsigned long long)stamp,
                                NUMBER_DIGITS, (unsigned long long)number);
    size_t until = length - strlen(end);
    if (at > until)
        die("a body of %zu bytes is too short", length);
    for (; at < until; at++)
        out[at] = FILLER[at % (sizeof FILLER - 1)];
    memcpy(out + at, end, strlen(end));
}

size_t put_post(uint8_t *out, const Place *place, size_t body_length, uint64_t stamp, uint64_t number)
{
    char text[FRAME_MAX];
    char begin[128] = "{\"type\":\"message\",\"channel\":\"general\",\"text\":\"";
    size_t at = 0;
    switch (place->dialect) {
    case PLAIN:
        put_body(text, body_length, begin, "\"}", stamp, number);
        return put_frame(out, TEXT, text, body_length);
    case NATS:
        at = (size_t)sprintf(text, "PUB room.%u %zu\r\n", place->room, body_length);
        put_body(text + at, body_length, begin, "\"}", stamp, number);
        memcpy(text + at + body_length, "\r\n", 2);
        return put_frame(out, BINARY, text, at + body_length + 2);
    case MOLT:
        snprintf(begin, sizeof begin, "{\"op\":\"message\",\"channel\":\"%s\",\"content\":\"", place->channel);
        put_body(text, body_length, begin, "\"}", stamp, number);
        return put_frame(out, TEXT, text, body_length);
    }
    die("unknown dialect");
}
