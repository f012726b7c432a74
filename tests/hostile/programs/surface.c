/* Tries what only the host's root may, and says of each call how it went: "name: ok" or "name: ERRNO".
   "surface ids" says who it is; "surface int80" makes the calls as a 32-bit program would; "surface hunt" tries for
   some seconds to look into every process that comes along, and names what it should not have seen. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *name, long result) {
    int number = errno;
    printf("%s: %s\n", name, result >= 0 ? "ok" : strerrorname_np(number));
    fflush(stdout);
}

#define TRY(name, ...) tell(name, syscall(__VA_ARGS__))

static void try_mounts(void) {
    tell("mount", mount("none", "/tmp", "tmpfs", 0, ""));
    tell("mount proc", mount("none", "/tmp", "proc", 0, ""));
    tell("mount bind", mount("/", "/tmp", 0, MS_BIND, 0));
    tell("remount /proc/sys", mount(0, "/proc/sys", 0, MS_REMOUNT | MS_BIND, 0));
    tell("remount /", mount(0, "/", 0, MS_REMOUNT | MS_BIND, 0));
    tell("umount /proc/keys", umount2("/proc/keys", MNT_DETACH));
    tell("umount /proc", umount2("/proc", MNT_DETACH));
    TRY("pivot_root", SYS_pivot_root, "/tmp", "/tmp");
    TRY("fsopen", SYS_fsopen, "tmpfs", 0);
    TRY("open_tree clone", SYS_open_tree, AT_FDCWD, "/", 1);
    TRY("move_mount", SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0);
    TRY("mount_setattr", SYS_mount_setattr, AT_FDCWD, "/", 0, 0, 0);
}

static void try_namespaces(void) {
    int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWTIME};
    const char *names[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};
    for (int i = 0; i < 8; i++) {
        char name[64];
        snprintf(name, sizeof name, "unshare %s", names[i]);
        TRY(name, SYS_unshare, kinds[i]);
        snprintf(name, sizeof name, "clone %s", names[i]);
        long child = syscall(SYS_clone, kinds[i] == CLONE_NEWTIME ? CLONE_NEWUSER | CLONE_NEWNS : kinds[i] | 17, 0, 0, 0, 0);
        if (child == 0)
            _exit(0);
        tell(name, child);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        snprintf(name, sizeof name, "setns %s", names[i]);
        TRY(name, SYS_setns, open(path, O_RDONLY), 0);
    }
    unsigned long long arguments[11] = {CLONE_NEWUSER, 0, 0, 0, 17};
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    tell("clone3 user", child);
}

static void try_kernel(void) {
    union bpf_attr program = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event};
    struct timespec now; /* the time that it is: nothing would be lost if it could be set */
    clock_gettime(CLOCK_REALTIME, &now);
    struct { unsigned bytes; int type; char handle[128]; } handle = {128, 0, {0}};
    int mount_id;
    TRY("bpf", SYS_bpf, BPF_MAP_CREATE, &program, sizeof program);
    TRY("perf_event_open", SYS_perf_event_open, &event, 0, -1, -1, 0);
    TRY("userfaultfd", SYS_userfaultfd, 0);
    TRY("io_uring_setup", SYS_io_uring_setup, 4, handle.handle);
    TRY("name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, "/etc", &handle, &mount_id, 0);
    TRY("open_by_handle_at", SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY);
    TRY("keyctl", SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
    TRY("add_key", SYS_add_key, "user", "name", "value", 5, KEY_SPEC_SESSION_KEYRING);
    TRY("request_key", SYS_request_key, "user", "name", 0, KEY_SPEC_SESSION_KEYRING);
    TRY("kexec_load", SYS_kexec_load, 0, 0, 0, 0);
    TRY("kexec_file_load", SYS_kexec_file_load, -1, -1, 0, 0, 0);
    TRY("reboot", SYS_reboot, 0xfee1dead, 672274793, 0, 0);
    TRY("swapon", SYS_swapon, "/bin/busybox", 0);
    TRY("swapoff", SYS_swapoff, "/bin/busybox");
    TRY("init_module", SYS_init_module, "", 0, "");
    TRY("finit_module", SYS_finit_module, -1, "", 0);
    TRY("delete_module", SYS_delete_module, "none", 0);
    TRY("acct", SYS_acct, "/tmp/acct");
    TRY("syslog", SYS_syslog, 3, 0, 0);
    TRY("clock_settime", SYS_clock_settime, CLOCK_REALTIME, &now);
    TRY("quotactl", SYS_quotactl, 0, 0, 0, 0);
    TRY("lookup_dcookie", 212, 0, 0, 0);
    TRY("iopl", SYS_iopl, 3);
    TRY("ioperm", SYS_ioperm, 0x70, 2, 1);
    TRY("personality", SYS_personality, ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC);
    TRY("fanotify_init", SYS_fanotify_init, 0, 0);
    TRY("setdomainname", SYS_setdomainname, "x", 1);
    TRY("sethostname", SYS_sethostname, "x", 1);
    TRY("chroot", SYS_chroot, "/proc/1/root");
    TRY("move_pages of 1", SYS_move_pages, 1, 0, 0, 0, 0, 0);
    TRY("process_vm_readv of 1", SYS_process_vm_readv, 1, 0, 0, 0, 0, 0);
    struct rlimit more = {1 << 30, 1 << 30};
    TRY("setrlimit above", SYS_setrlimit, RLIMIT_NOFILE, &more);
    TRY("nice", SYS_setpriority, PRIO_PROCESS, 0, -5);
    struct sched_param first = {1};
    TRY("sched_setscheduler", SYS_sched_setscheduler, 0, SCHED_FIFO, &first);
}

static void try_sockets(void) {
    tell("socket vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    tell("socket alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
    tell("socket packet", socket(AF_PACKET, SOCK_RAW, 0));
    tell("socket raw", socket(AF_INET, SOCK_RAW, 1));
    tell("socket unix", socket(AF_UNIX, SOCK_STREAM, 0));
}

static void try_devices(void) {
    for (int major = 1; major < 260; major++)
        for (int block = 0; block < 2; block++) {
            unlink("/tmp/node");
            if (mknod("/tmp/node", (block ? S_IFBLK : S_IFCHR) | 0666, makedev(major, major == 1 ? 1 : 0)))
                continue;
            if (open("/tmp/node", O_RDONLY | O_NONBLOCK) >= 0)
                printf("device %s %d: ok\n", block ? "b" : "c", major);
        }
    tell("device of the image", open("/disk", O_RDONLY));
    tell("kmsg", open("/dev/kmsg", O_RDONLY));
    tell("mem", open("/dev/mem", O_RDONLY));
    tell("kcore", open("/proc/kcore", O_RDONLY) < 0 ? -1 : (errno = EFAULT, read(open("/proc/kcore", O_RDONLY), (char[8]){0}, 8) > 0 ? 0 : -1));
}

static void try_writing(void) {
    const char *files[] = {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/fs/cgroup/cgroup.procs",
        "/proc/self/uid_map", "/proc/1/oom_score_adj", "/proc/sys/user/max_user_namespaces", "/proc/bus/pci/00/00.0"};
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        char name[128];
        snprintf(name, sizeof name, "write %s", files[i]);
        tell(name, open(files[i], O_WRONLY));
    }
}

static long int80(long number, long one, long two, long three) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(one), "c"(two), "d"(three) : "memory", "r8", "r9", "r10", "r11");
    if (result < 0 && result > -4096)
        errno = (int)-result, result = -1;
    return result;
}

static void try_int80(void) {
    /* numbers of unistd_32.h; 20 is getpid, which shows that the way is there */
    tell("getpid", int80(20, 0, 0, 0));
    tell("mount", int80(21, 0, 0, 0));
    tell("umount", int80(22, 0, 0, 0));
    tell("ptrace", int80(26, PTRACE_ATTACH, 1, 0));
    tell("umount2", int80(52, 0, 0, 0));
    tell("reboot", int80(88, 0xfee1dead, 672274793, 0));
    tell("init_module", int80(128, 0, 0, 0));
    tell("keyctl", int80(288, 0, -3, 1));
    tell("unshare", int80(310, CLONE_NEWUSER, 0, 0));
    tell("setns", int80(346, 0, 0, 0));
    tell("bpf", int80(357, 0, 0, 0));
    tell("socket alg", int80(359, AF_ALG, SOCK_SEQPACKET, 0));
    tell("socket vsock", int80(359, AF_VSOCK, SOCK_STREAM, 0));
    tell("userfaultfd", int80(374, 0, 0, 0));
    tell("io_uring_setup", int80(425, 4, 0, 0));
    tell("open_tree", int80(428, 0, 0, 1));
    tell("fsopen", int80(430, 0, 0, 0));
    long child = int80(120, CLONE_NEWUSER | 17, 0, 0);
    if (child == 0)
        _exit(0);
    tell("clone user", child);
    /* a socket by the old call for all of them: number, and where its arguments are, which must be below 4 GiB */
    static unsigned *arguments;
    arguments = (unsigned *)syscall(SYS_mmap, 0x100000, 4096, 3, 0x32, -1, 0);
    arguments[0] = AF_ALG, arguments[1] = SOCK_SEQPACKET, arguments[2] = 0;
    tell("socketcall alg", int80(102, 1, (long)arguments, 0));
    arguments[0] = AF_VSOCK, arguments[1] = SOCK_STREAM, arguments[2] = 0;
    tell("socketcall vsock", int80(102, 1, (long)arguments, 0));
}

static void tell_ids(void) {
    uid_t real, effective, saved;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    getresuid(&real, &effective, &saved);
    printf("%d %d %d", real, effective, saved);
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, "CapEff:", 7))
            printf(" %s", line + 8);
}

static void hunt(time_t until) {
    while (time(0) < until)
        for (int other = 2; other < 4000; other++) {
            char path[64], seen[256];
            snprintf(path, sizeof path, "/proc/%d/exe", other);
            long length = readlink(path, seen, sizeof seen - 1);
            seen[length > 0 ? length : 0] = 0;
            if (length > 0 && strncmp(seen, "/bin/", 5))
                printf("exe %s\n", seen);
            for (int fd = 3; length > 0 && fd < 20; fd++) {
                snprintf(path, sizeof path, "/proc/%d/fd/%d", other, fd);
                long size = readlink(path, seen, sizeof seen - 1);
                seen[size > 0 ? size : 0] = 0;
                if (size > 0 && other != getpid())
                    printf("fd %s\n", seen);
            }
        }
    puts("hunted");
}

int main(int count, char **words) {
    if (count > 1 && !strcmp(words[1], "ids"))
        tell_ids();
    else if (count > 1 && !strcmp(words[1], "int80"))
        try_int80();
    else if (count > 2 && !strcmp(words[1], "hunt"))
        hunt(time(0) + atoi(words[2]));
    else {
        try_kernel();
        try_sockets();
        try_writing();
        try_devices();
        try_mounts();
        try_namespaces();
        while (wait(0) > 0)
            continue;
    }
    return 0;
}
