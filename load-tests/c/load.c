/* Load client: subscribers in rooms and one publisher for each room, all in one process with one epoll.
 *
 *   load --port P --dialect plain|nats|molt --members N [options]
 *
 * It opens every socket, prints one JSON line about that, and then obeys orders on standard input, each answered by one
 * JSON line:
 *
 *   window W SECONDS   every room has W messages under way: a message counts as arrived when all members have it
 *   rate R SECONDS     R messages a second over all rooms, whatever has arrived
 *   idle SECONDS       nothing is posted; for memory
 *
 * Every delivery is checked: each member must get each message of its room once and in order. It ends with standard
 * input, or with status 2 and a sentence on standard error at the first thing that is wrong.
 *
 * Deliveries for each TCP segment received stand for messages per write of the server: on loopback a write below 64 KB
 * arrives as one segment, whatever the server is made of.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dialect.h"
#include "measure.h"

enum {
    OPENING_AT_ONCE = 64,
    EVENTS = 2048,
    FEW_EVENTS = 256,
    GATHER_NS = 100000,
    RECEIVE_BYTES = 1 << 18,
    KEEP_BYTES = 1 << 20,
    MOST_SAMPLES = 1 << 22,
    SAMPLE_EVERY = 16,
    PATIENCE_S = 20,
};
static const double WARM_UP_S = 0.2;

typedef enum { UPGRADING, GREETING, READY } State;

typedef struct {
    Place place;
    State state;
    int fd;
    uint64_t received;
    uint8_t *kept; /* the beginning of something that has not arrived whole */
    size_t kept_length;
} Socket;

typedef struct {
    uint64_t posted;
    uint64_t delivered;
} Room;

/* What is read at the beginning and at the end of a measurement. */
typedef struct {
    uint64_t time, deliveries, bytes, segments, posted;
    double server_cpu, own_cpu, machine_cpu, client_cpu;
} Reading;

static struct {
    int port, publish_port;
    Dialect dialect;
    unsigned rooms, members;
    size_t body;
    PidList server, own;
    char **channels, **tokens;
    unsigned channel_count, token_count;
} options = {.rooms = 1, .body = 216};

static Socket *sockets; /* the publishers, one for each room, and then the members */
static unsigned socket_count;
static unsigned ready_count;
static Room *rooms;
static int epoll;
static uint64_t deliveries, received_bytes, posted;
static uint32_t *samples; /* latencies in microseconds */
static size_t sample_count;
static unsigned sample_every; /* 0: none */

/* --- sockets ------------------------------------------------------------------------------------------------------ */

static void send_all(Socket *socket, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    while (length > 0) {
        ssize_t sent = send(socket->fd, bytes, length, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (sent < 0 && errno == EAGAIN) {
            struct pollfd writable = {.fd = socket->fd, .events = POLLOUT};
            if (poll(&writable, 1, PATIENCE_S * 1000) != 1)
                die("the server does not read");
        } else if (sent < 0 && errno != EINTR) {
            die("sending");
        }
    }
}

static void set_ready(Socket *socket)
{
    socket->state = READY;
    ready_count++;
}

static void open_socket(unsigned index)
{
    Socket *it = &sockets[index];
    int port = it->place.publishes ? options.publish_port : options.port;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    it->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (it->fd < 0 || setsockopt(it->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("a socket");
    if (connect(it->fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connecting to port %d", port);
    if (fcntl(it->fd, F_SETFL, O_NONBLOCK) < 0)
        die("fcntl");
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, it->fd, &event) < 0)
        die("epoll_ctl");
    char request[6000];
    send_all(it, request, put_request(request, sizeof request, &it->place, port));
}

/* The handshake's answer: gives how many bytes it took, 0 while it is not whole. */
static size_t take_answer(Socket *socket, const uint8_t *data, size_t length)
{
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (length < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0)
        die("the server refused the handshake: %.*s", (int)(length < 300 ? length : 300), (const char *)data);
    socket->state = GREETING;
    uint8_t greeting[512];
    size_t size = put_greeting(greeting, &socket->place);
    send_all(socket, greeting, size);
    if (is_ready_at_once(&socket->place))
        set_ready(socket);
    return (size_t)(end + 4 - data);
}

static void take_greeting(Socket *socket, const uint8_t *payload, size_t length)
{
    if (is_greeting(&socket->place, payload, length)) {
        uint8_t subscription[512];
        send_all(socket, subscription, put_subscription(subscription, &socket->place));
    }
    if (is_confirmation(&socket->place, payload, length))
        set_ready(socket);
}

static uint64_t digits(const uint8_t *text, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    return value;
}

/* Count the messages in a payload; NATS puts several into one. */
static void take_messages(Socket *socket, const uint8_t *payload, size_t length, uint64_t now)
{
    const uint8_t *end = payload + length;
    const uint8_t *at = payload;
    while (at < end && (at = memchr(at, MARK, (size_t)(end - at))) != NULL) {
        at++;
        if (end - at < STAMP_DIGITS + NUMBER_DIGITS)
            die("a message was cut");
        uint64_t number = digits(at + STAMP_DIGITS, NUMBER_DIGITS);
        if (number != ++socket->received)
            die("a member was due message %llu and got %llu", (unsigned long long)socket->received,
                (unsigned long long)number);
        rooms[socket->place.room].delivered++;
        deliveries++;
        if (sample_every && deliveries % sample_every == 0 && sample_count < MOST_SAMPLES)
            samples[sample_count++] = (uint32_t)((now - digits(at, STAMP_DIGITS)) / 1000);
        at += STAMP_DIGITS + NUMBER_DIGITS;
    }
}

static void take_frame(Socket *socket, int opcode, const uint8_t *payload, size_t length, uint64_t now)
{
    if (opcode == CLOSE) {
        die("the server closed a socket with %d %.*s", length >= 2 ? payload[0] << 8 | payload[1] : 0,
            length > 2 ? (int)length - 2 : 0, (const char *)payload + 2);
    } else if (opcode == PING) {
        uint8_t pong[256];
        send_all(socket, pong, put_frame(pong, PONG, payload, length));
    } else if (socket->state == GREETING) {
        take_greeting(socket, payload, length);
    } else if (!socket->place.publishes) {
        take_messages(socket, payload, length, now);
        return;
    }
    if (is_fault(&socket->place, payload, length))
        die("the server refused: %.*s", (int)length, (const char *)payload);
}

/* Take whole frames from the front; gives how many bytes that was. */
static size_t take_frames(Socket *socket, const uint8_t *data, size_t length, uint64_t now)
{
    size_t at = 0;
    while (length - at >= 2) {
        const uint8_t *head = data + at;
        size_t header = 2, size = head[1] & 127;
        if (head[1] & 128)
            die("a server's frame is masked");
        if (size >= 126) {
            header = size == 126 ? 4 : 10;
            if (length - at < header)
                break;
            size = 0;
            for (size_t i = 2; i < header; i++)
                size = size << 8 | head[i];
            if (size > KEEP_BYTES / 2)
                die("a frame of %zu bytes", size);
        }
        if (length - at < header + size)
            break;
        take_frame(socket, head[0] & 15, head + header, size, now);
        at += header + size;
    }
    return at;
}

static void keep(Socket *socket, const uint8_t *data, size_t length)
{
    if (length > KEEP_BYTES)
        die("something endless arrives");
    uint8_t *kept = NULL;
    if (length > 0) {
        kept = malloc(length);
        if (!kept)
            die("memory");
        memcpy(kept, data, length);
    }
    free(socket->kept);
    socket->kept = kept;
    socket->kept_length = length;
}

static void receive(Socket *socket)
{
    static uint8_t buffer[KEEP_BYTES + RECEIVE_BYTES];
    size_t length = socket->kept_length;
    if (length > 0)
        memcpy(buffer, socket->kept, length);
    ssize_t received = recv(socket->fd, buffer + length, RECEIVE_BYTES, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (received <= 0)
        die("the server dropped a socket");
    length += (size_t)received;
    if (!socket->place.publishes)
        received_bytes += (uint64_t)received;
    size_t taken = socket->state == UPGRADING ? take_answer(socket, buffer, length) : 0;
    if (socket->state != UPGRADING)
        taken += take_frames(socket, buffer + taken, length - taken, now_ns());
    if (socket->kept || taken < length)
        keep(socket, buffer + taken, length - taken);
}

/* Serve what is readable, waiting up to `wait_ns` for it. */
static void serve(uint64_t wait_ns)
{
    static struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000), .tv_nsec = (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
    if (count < 0 && errno != EINTR)
        die("epoll");
    for (int i = 0; i < count; i++)
        receive(&sockets[events[i].data.u32]);
}

/* Serve without sleeping in epoll, where each single byte would wake us at the cost of the server that sends it. */
static void serve_gathering(void)
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        receive(&sockets[events[i].data.u32]);
    if (count < FEW_EVENTS)
        nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
}

/* --- measuring ---------------------------------------------------------------------------------------------------- */

static uint64_t received_segments(void)
{
    uint64_t sum = 0;
    for (unsigned i = options.rooms; i < socket_count; i++) {
        struct tcp_info info = {0};
        socklen_t size = sizeof info;
        if (getsockopt(sockets[i].fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
            die("TCP_INFO");
        sum += info.tcpi_data_segs_in;
    }
    return sum;
}

static Reading take_reading(void)
{
    Reading reading = {.segments = received_segments(), .deliveries = deliveries, .bytes = received_bytes, .posted = posted};
    reading.server_cpu = cpu_seconds(&options.server);
    reading.own_cpu = cpu_seconds(&options.own);
    reading.machine_cpu = machine_cpu_seconds();
    reading.client_cpu = own_cpu_seconds();
    reading.time = now_ns();
    return reading;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile(double share)
{
    return sample_count ? (double)samples[(size_t)((double)(sample_count - 1) * share)] : 0;
}

static void print_reading(const char *order, const Reading *from, const Reading *to)
{
    double seconds = (double)(to->time - from->time) / 1e9;
    double server = to->server_cpu - from->server_cpu, own = to->own_cpu - from->own_cpu;
    double client = to->client_cpu - from->client_cpu, machine = to->machine_cpu - from->machine_cpu;
    double delivered = (double)(to->deliveries - from->deliveries);
    double segments = (double)(to->segments - from->segments);
    qsort(samples, sample_count, sizeof *samples, compare);
    printf("{\"order\":\"%s\",\"seconds\":%.3f,\"messages\":%llu,\"deliveries\":%.0f,\"deliveries_per_s\":%.0f,"
           "\"cpu_us\":%.4f,\"server_cores\":%.3f,\"client_cores\":%.3f,\"own_cores\":%.3f,\"other_cores\":%.3f,"
           "\"per_segment\":%.2f,\"bytes\":%.1f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"rss_kib\":%.0f}\n",
           order, seconds, (unsigned long long)(to->posted - from->posted), delivered, delivered / seconds,
           delivered > 0 ? server / delivered * 1e6 : 0, server / seconds, client / seconds, own / seconds,
           (machine - server - client - own) / seconds, segments > 0 ? delivered / segments : 0,
           delivered > 0 ? (double)(to->bytes - from->bytes) / delivered : 0, percentile(.5), percentile(.99),
           resident_kib(&options.server));
    fflush(stdout);
}

/* --- orders ------------------------------------------------------------------------------------------------------- */

/* Write the next post of a room to `out`; gives its length. */
static size_t next_post(unsigned room, uint8_t *out, uint64_t stamp)
{
    posted++;
    return put_post(out, &sockets[room].place, options.body, stamp, ++rooms[room].posted);
}

static void fill_windows(uint64_t window)
{
    static uint8_t out[64 * FRAME_MAX];
    for (unsigned i = 0; i < options.rooms; i++) {
        size_t length = 0;
        while (rooms[i].posted - rooms[i].delivered / options.members < window && length < sizeof out - FRAME_MAX)
            length += next_post(i, out + length, now_ns());
        if (length > 0)
            send_all(&sockets[i], out, length);
    }
}

/* Post what is due by now, stamped with when it was due, so that our own lateness counts as latency; gives the wait. */
static uint64_t post_on_time(uint64_t *due, uint64_t interval)
{
    uint8_t out[FRAME_MAX];
    uint64_t now = now_ns();
    for (; *due <= now; *due += interval) {
        unsigned room = (unsigned)(posted % options.rooms);
        send_all(&sockets[room], out, next_post(room, out, *due));
    }
    return *due - now;
}

static void wait_for_the_rest(void)
{
    uint64_t until = now_ns() + PATIENCE_S * 1000000000ull;
    while (deliveries < posted * options.members) {
        if (now_ns() > until)
            die("%llu of %llu deliveries are missing", (unsigned long long)(posted * options.members - deliveries),
                (unsigned long long)(posted * options.members));
        serve(50000000);
    }
}

static void obey(const char *order)
{
    uint64_t window = 0;
    double rate = 0, seconds = 0;
    bool idle = sscanf(order, "idle %lf", &seconds) == 1;
    bool windowed = sscanf(order, "window %lu %lf", &window, &seconds) == 2;
    if (!idle && !windowed && (sscanf(order, "rate %lf %lf", &rate, &seconds) != 2 || rate <= 0))
        die("not an order: %s", order);
    uint64_t begin = now_ns() + (uint64_t)((idle ? 0 : WARM_UP_S) * 1e9);
    uint64_t end = begin + (uint64_t)(seconds * 1e9);
    uint64_t due = now_ns();
    Reading from = {0};
    sample_count = sample_every = 0;
    for (uint64_t now = now_ns(); now < end; now = now_ns()) {
        if (!from.time && now >= begin) {
            from = take_reading();
            sample_every = windowed ? SAMPLE_EVERY : 1;
        }
        if (windowed) {
            fill_windows(window);
            serve_gathering();
        } else {
            serve(idle ? 10000000 : post_on_time(&due, (uint64_t)(1e9 / rate)));
        }
    }
    Reading to = take_reading();
    sample_every = 0;
    wait_for_the_rest();
    print_reading(order, &from, &to);
}

static void open_all(void)
{
    double resident = resident_kib(&options.server), cpu = cpu_seconds(&options.server);
    uint64_t begin = now_ns();
    uint64_t patience = begin + (PATIENCE_S + socket_count / 100) * 1000000000ull;
    for (unsigned opened = 0; ready_count < socket_count;) {
        while (opened < socket_count && opened < ready_count + OPENING_AT_ONCE)
            open_socket(opened++);
        serve(50000000);
        if (now_ns() > patience)
            die("%u of %u sockets are not ready", socket_count - ready_count, socket_count);
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("{\"order\":\"open\",\"sockets\":%u,\"seconds\":%.3f,\"handshakes_per_s\":%.0f,\"handshake_cpu_us\":%.1f,"
           "\"rss_before_kib\":%.0f}\n",
           socket_count, seconds, socket_count / seconds,
           (cpu_seconds(&options.server) - cpu) / socket_count * 1e6, resident);
    fflush(stdout);
}

/* --- beginning ---------------------------------------------------------------------------------------------------- */

/* The lines of a file. */
static char **read_lines(const char *path, unsigned *count)
{
    FILE *file = fopen(path, "r");
    char **lines = NULL, *line = NULL;
    size_t size = 0;
    if (!file)
        die("%s", path);
    for (*count = 0; getline(&line, &size, file) > 0; line = NULL, size = 0) {
        line[strcspn(line, "\n")] = '\0';
        lines = realloc(lines, (*count + 1) * sizeof *lines);
        if (!lines)
            die("memory");
        lines[(*count)++] = line;
    }
    free(line);
    fclose(file);
    return lines;
}

static void read_options(int count, char **arguments)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},     {"publish-port", required_argument, NULL, 'P'},
        {"dialect", required_argument, NULL, 'd'},  {"rooms", required_argument, NULL, 'r'},
        {"members", required_argument, NULL, 'm'},  {"body", required_argument, NULL, 'b'},
        {"server", required_argument, NULL, 's'},   {"own", required_argument, NULL, 'o'},
        {"channels", required_argument, NULL, 'c'}, {"tokens", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 'p': options.port = atoi(optarg); break;
        case 'P': options.publish_port = atoi(optarg); break;
        case 'd': options.dialect = dialect_named(optarg); break;
        case 'r': options.rooms = (unsigned)atoi(optarg); break;
        case 'm': options.members = (unsigned)atoi(optarg); break;
        case 'b': options.body = (size_t)atoi(optarg); break;
        case 's': parse_pids(optarg, &options.server); break;
        case 'o': parse_pids(optarg, &options.own); break;
        case 'c': options.channels = read_lines(optarg, &options.channel_count); break;
        case 't': options.tokens = read_lines(optarg, &options.token_count); break;
        default: exit(2);
        }
    }
    if (!options.publish_port)
        options.publish_port = options.port;
    if (!options.port || !options.members || !options.rooms || options.body > FRAME_MAX / 2)
        die("--port, --members, and a sensible --rooms and --body are needed");
    if (options.dialect == MOLT && (options.channel_count < options.rooms || !options.token_count))
        die("--channels and --tokens are needed: a channel for each room, and at least one token");
}

static void prepare(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1000);
    socket_count = options.rooms * (1 + options.members);
    sockets = calloc(socket_count, sizeof *sockets);
    rooms = calloc(options.rooms, sizeof *rooms);
    samples = malloc(MOST_SAMPLES * sizeof *samples);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!sockets || !rooms || !samples || epoll < 0)
        die("setting up");
    for (unsigned i = 0; i < socket_count; i++) {
        unsigned room = i % options.rooms;
        sockets[i].place = (Place){
            .dialect = options.dialect,
            .publishes = i < options.rooms,
            .room = room,
            .channel = options.channels ? options.channels[room] : NULL,
            .token = options.tokens ? options.tokens[i % options.token_count] : NULL,
        };
    }
}

int main(int count, char **arguments)
{
    char order[128];
    read_options(count, arguments);
    prepare();
    open_all();
    while (fgets(order, sizeof order, stdin)) {
        order[strcspn(order, "\n")] = '\0';
        obey(order);
    }
    return 0;
}
