/* Takes all there is of one thing, says "had enough" and stays; "hog THING some" takes a little, and ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int take(const char *thing, int number) {
    char name[64];
    if (!strcmp(thing, "inotify"))
        return inotify_init();
    if (!strcmp(thing, "descriptors"))
        return open("/dev/null", O_RDONLY);
    if (!strcmp(thing, "signals"))
        return sigqueue(getpid(), SIGRTMIN, (union sigval){0});
    if (!strcmp(thing, "queues")) {
        struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
        snprintf(name, sizeof name, "/q%d", number);
        return mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    }
    if (!strcmp(thing, "mounts"))
        return number > 3000 || mount("none", "/tmp", "tmpfs", 0, "") || (number % 1000 == 0 && unshare(CLONE_NEWNS)) ? -1 : 0;
    if (!strcmp(thing, "folders")) {
        memset(name, 'n', 60), name[60] = 0;
        return number >= 10000 || mkdir(name, 0700) || chdir(name) ? -1 : 0;
    }
    return -1;
}

int main(int count, char **words) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    int number = 0;
    while (number < (count > 2 ? 5 : 3000000) && take(words[1], number) >= 0)
        number++;
    if (count > 2) {
        puts(number == 5 ? "had some" : strerror(errno));
        return 0;
    }
    printf("had enough: %d\n", number);
    fflush(stdout);
    if (strcmp(words[1], "folders"))
        pause();
    return 0;
}
