#define _GNU_SOURCE
#include "measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
    int number = errno;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, number ? " (%s)\n" : "\n", strerror(number));
    exit(2);
}

void parse_pids(const char *text, PidList *pids)
{
    pids->count = 0;
    while (*text) {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text || pid <= 0 || pids->count == MOST_PIDS)
            die("not a list of process ids: %s", text);
        pids->pid[pids->count++] = (pid_t)pid;
        text = *end == ',' ? end + 1 : end;
    }
}

uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* A file of /proc as a string; false where the process is gone. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    return length > 0;
}

double cpu_seconds(const PidList *pids)
{
    double ticks = 0;
    for (int i = 0; i < pids->count; i++) {
        char text[2048];
        if (!read_proc(pids->pid[i], "stat", text, sizeof text))
            continue;
        /* The second field is a name in parentheses that may hold anything; utime and stime are 12 and 13 behind it. */
        const char *behind_name = strrchr(text, ')');
        unsigned long user = 0, kernel = 0;
        if (behind_name && sscanf(behind_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2)
            ticks += (double)(user + kernel);
    }
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

double own_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double machine_cpu_seconds(void)
{
    unsigned long long user, nice, kernel, idle, waiting, interrupts, soft_interrupts;
    FILE *file = fopen("/proc/stat", "r");
    if (!file)
        die("/proc/stat");
    int found = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &kernel, &idle, &waiting,
                       &interrupts, &soft_interrupts);
    fclose(file);
    if (found != 7)
        die("/proc/stat has another form");
    return (double)(user + nice + kernel + interrupts + soft_interrupts) / (double)sysconf(_SC_CLK_TCK);
}

double resident_kib(const PidList *pids)
{
    double sum = 0;
    for (int i = 0; i < pids->count; i++) {
        char text[4096];
        if (!read_proc(pids->pid[i], "smaps_rollup", text, sizeof text))
            continue;
        const char *line = strstr(text, "\nRss:");
        if (line)
            sum += atof(line + strlen("\nRss:"));
    }
    return sum;
}
