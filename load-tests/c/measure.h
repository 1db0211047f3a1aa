/* Readings of clocks, of processes and of the machine, as Linux keeps them in /proc. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <sys/types.h>

enum { MOST_PIDS = 512 };

typedef struct {
    int count;
    pid_t pid[MOST_PIDS];
} PidList;

/* Parse "12,34,56". Ends the program at anything else. */
void parse_pids(const char *text, PidList *pids);

/* Nanoseconds of the monotonic clock. */
uint64_t now_ns(void);

/* CPU seconds that these processes have used with all their threads; one that is gone counts as nothing. */
double cpu_seconds(const PidList *pids);

/* CPU seconds that this process has used. */
double own_cpu_seconds(void);

/* CPU seconds that the whole machine has used, interrupts included. */
double machine_cpu_seconds(void);

/* Resident memory of these processes, in KiB. */
double resident_kib(const PidList *pids);

/* Print a message with errno's words on standard error and end the program with status 2. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
